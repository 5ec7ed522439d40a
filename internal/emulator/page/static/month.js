// A month grid for CalendarPicker and DatePicker. Dates are local dates without a zone, "YYYY-MM-DD", as the protocol
// has them; arithmetic happens in UTC so that no clock change can touch it.

import { h, icons } from "./dom.js";

const dayMs = 86_400_000;
const utc = (date) => Date.parse(date + "T00:00:00Z");
const iso = (ms) => new Date(ms).toISOString().slice(0, 10);
export const weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const format = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
const monthName = format({ month: "long", year: "numeric" });
const longDate = format({ weekday: "long", day: "numeric", month: "long" });

export const isDate = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text ?? "");
export const sayDate = (date) => (isDate(date) ? longDate.format(utc(date)) : "");
export const weekdayOf = (date) => weekdays[(new Date(utc(date)).getUTCDay() + 6) % 7];
export const addDays = (date, days) => iso(utc(date) + days * dayMs);

/**
 * Draws one month.
 * limits: { min, max, unavailable: Set, days: Set of weekday names }
 * state: { month: "YYYY-MM-01", selected: [dates], span: [first, last], today, disabled, id }
 * on: { pick(date), turn(month) }
 */
export function monthGrid(limits, state, on) {
  const first = state.month;
  const start = addDays(first, -weekdays.indexOf(weekdayOf(first)));
  const cells = Array.from({ length: 42 }, (_, i) => addDays(start, i));
  const rows = cells.slice(0, inMonth(cells[35], first) ? 42 : inMonth(cells[28], first) ? 35 : 28);
  const turn = (step) => {
    const at = new Date(utc(first));
    return iso(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + step, 1));
  };
  const previous = turn(-1);
  const next = turn(1);
  const focusable = rows.find((d) => state.selected.includes(d) && inMonth(d, first))
    ?? rows.find((d) => open(d, limits) && inMonth(d, first));

  return h("div", { class: "month" },
    h("div", { class: "month-bar" },
      h("button", {
        type: "button", class: "round", "aria-label": "Previous month", "data-focus": state.id + ":prev",
        disabled: state.disabled || (limits.min && first <= limits.min), onclick: () => on.turn(previous),
      }, icons.left()),
      h("span", { class: "month-name", "aria-live": "polite" }, monthName.format(utc(first))),
      h("button", {
        type: "button", class: "round", "aria-label": "Next month", "data-focus": state.id + ":next",
        disabled: state.disabled || (limits.max && next > limits.max), onclick: () => on.turn(next),
      }, icons.right())),
    h("div", { class: "month-head", "aria-hidden": "true" }, weekdays.map((d) => h("span", {}, d.slice(0, 2)))),
    h("div", { class: "month-days", onkeydown: walk },
      rows.map((date) => dayCell(date, limits, state, on, date === focusable))));
}

const inMonth = (date, month) => date.slice(0, 7) === month.slice(0, 7);

/** Whether a date may be picked. */
export function open(date, { min, max, unavailable, days }) {
  return !(min && date < min) && !(max && date > max) && !unavailable.has(date) && (!days || days.has(weekdayOf(date)));
}

function dayCell(date, limits, state, on, focusable) {
  if (!inMonth(date, state.month)) return h("span", { class: "day blank" });
  const can = open(date, limits);
  const chosen = state.selected.includes(date);
  const within = state.span && date > state.span[0] && date < state.span[1];
  const classes = ["day", chosen && "chosen", within && "within", date === state.today && "today",
    limits.unavailable.has(date) && "taken"].filter(Boolean);
  return h("button", {
    type: "button",
    class: classes.join(" "),
    disabled: !can || state.disabled,
    tabindex: focusable ? "0" : "-1",
    "data-date": date,
    "data-focus": `${state.id}:${date}`,
    "aria-pressed": String(chosen),
    "aria-label": sayDate(date) + (can ? "" : ", not available"),
    onclick: () => on.pick(date),
  }, String(Number(date.slice(8))));
}

/** Arrow keys move to the nearest day that can be picked. */
function walk(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
  const from = event.target.dataset?.date;
  if (!step || !from) return;
  event.preventDefault();
  for (let i = 1; i <= 31; i++) {
    const cell = event.currentTarget.querySelector(`[data-date="${addDays(from, i * step)}"]`);
    if (cell && !cell.disabled) return cell.focus();
  }
}
