// One emulated calendar as a week or a day. It shows the events that it is given and lets a person draw on the grid,
// toggle an event and delete it; what really happened comes back from the server.

import { h, icons } from "./dom.js";
import { arrange } from "./arrange.js";
import { Dialog } from "./dialog.js";
import { addDays, weekdayOf, weekdays } from "./month.js";
import { clockText, fullDay, instantOf, monthYear, shortMonth, shortWeekday, wallAt, zoneLabel } from "./zone.js";

const snap = 15; // minutes
const firstHour = 8;
const flashMs = 6000;

export class Agenda {
  #events = [];
  #shown = ""; // the events as they are drawn, as JSON
  #known = null; // the ids of our events, once they were loaded
  #flashing = new Set();
  #mirrored = null;
  #drag = null;

  /** clock: { now() in ms }; actions, all promises: { draw(key, event), setBusy(key, id, busy), erase(key, id) }. */
  constructor(host, info, clock, actions) {
    this.info = info;
    this.clock = clock;
    this.actions = actions;
    this.dialog = new Dialog();
    this.mode = "week";
    // At the end of a week the next one is what a demo is about.
    this.anchor = addDays(this.#today(), 2);
    this.#build(host);
    this.#drawDays();
  }

  #today() {
    return wallAt(this.clock.now(), this.info.zone).day;
  }

  #build(host) {
    const { info } = this;
    this.range = h("span", { class: "range", "aria-live": "polite" });
    this.fresh = h("span", { class: "fresh", hidden: true });
    this.head = h("div", { class: "days-head" });
    this.allDay = h("div", { class: "all-day" });
    this.grid = h("div", { class: "grid", onpointerdown: (e) => this.#press(e) });
    this.scroller = h("div", { class: "scroller", tabindex: "0", "aria-label": `${info.title}, time grid` }, this.grid);
    this.modes = ["day", "week"].map((mode) => h("button", {
      type: "button", "aria-pressed": String(mode === this.mode), "data-mode": mode, onclick: () => this.#setMode(mode),
    }, mode === "day" ? "Day" : "Week"));
    this.card = h("section", {
      class: `agenda ${info.provider.toLowerCase()}`, "data-calendar": info.key,
      "aria-label": `${info.provider} calendar of ${info.owner}`,
    },
    h("header", { class: "agenda-bar" },
      h("span", { class: "agenda-mark", "aria-hidden": "true" }, h("i"), h("b")),
      h("div", { class: "agenda-name" }, h("h2", {}, info.title), h("p", {}, `${info.provider} · ${info.owner}`)),
      this.fresh,
      h("div", { class: "agenda-nav" },
        h("button", { type: "button", class: "today-button", onclick: () => this.#go(this.#today()) }, "Today"),
        h("button", { type: "button", class: "round", "aria-label": "Earlier", onclick: () => this.#turn(-1) },
          icons.left()),
        h("button", { type: "button", class: "round", "aria-label": "Later", onclick: () => this.#turn(1) },
          icons.right()),
        this.range),
      h("div", { class: "segmented", role: "group", "aria-label": "View" }, this.modes)),
    this.head, this.allDay, this.scroller);
    host.append(this.card);
    new ResizeObserver(() => this.#fit()).observe(this.scroller);
    setInterval(() => this.#tick(), 1000);
  }

  /** A working day fits into the card; the rest of the day is a scroll away. */
  #fit() {
    const hour = Math.max(28, Math.min(64, this.scroller.clientHeight / 10));
    this.card.style.setProperty("--hour", `${hour}px`);
    // The heads stand over their columns, whatever room this system's scrollbar takes.
    this.card.style.setProperty("--bar", `${this.scroller.offsetWidth - this.scroller.clientWidth}px`);
    if (!this.scrolled) this.scroller.scrollTop = hour * (firstHour - 0.25);
    this.scrolled ||= this.scroller.clientHeight > 0;
  }

  #days() {
    if (this.mode === "day") return [this.anchor];
    const monday = addDays(this.anchor, -weekdays.indexOf(weekdayOf(this.anchor)));
    return weekdays.map((_, i) => addDays(monday, i));
  }

  #setMode(mode) {
    this.mode = mode;
    this.modes.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.mode === mode)));
    this.#drawDays();
  }

  #turn(step) {
    this.#go(addDays(this.anchor, step * (this.mode === "week" ? 7 : 1)));
  }

  #go(day) {
    this.anchor = day;
    this.#drawDays();
  }

  /** Takes the calendar's events. A booking of ours that is new is brought into view and flashes. */
  show(events) {
    const text = JSON.stringify(events);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#events = events;
    const ours = new Set(events.filter((e) => e.ours).map((e) => e.id));
    const fresh = this.#known ? events.filter((e) => e.ours && !this.#known.has(e.id)) : [];
    this.#known = ours;
    for (const event of fresh) {
      this.#flashing.add(event.id);
      setTimeout(() => this.#calm(event.id), flashMs);
    }
    if (fresh.length > 0) this.#reveal(fresh[0]);
    if (!this.#drag) this.#drawDays();
  }

  #calm(id) {
    this.#flashing.delete(id);
    this.card.querySelector(`[data-event="${CSS.escape(id)}"]`)?.classList.remove("flash");
  }

  #reveal(event) {
    const { day, minutes } = wallAt(Date.parse(event.start), this.info.zone);
    if (!this.#days().includes(day)) this.anchor = day;
    const hour = parseFloat(getComputedStyle(this.card).getPropertyValue("--hour"));
    const top = (minutes / 60) * hour;
    const { scrollTop, clientHeight } = this.scroller;
    const seen = top >= scrollTop && top + hour <= scrollTop + clientHeight;
    if (!seen) this.scroller.scrollTo({ top: top - clientHeight / 3 });
  }

  /** The time of the last confirmed mirror, in ms. */
  freshness(ms) {
    this.#mirrored = ms;
    this.#tick();
  }

  #tick() {
    if (this.#mirrored != null) {
      const age = Math.max(0, Math.round((this.clock.now() - this.#mirrored) / 1000));
      this.fresh.hidden = false;
      this.fresh.textContent = age < 100 ? `mirrored ${age} s ago` : `mirrored ${Math.round(age / 60)} min ago`;
      this.fresh.classList.toggle("stale", age > 120);
    }
    this.#placeNow();
  }

  #placeNow() {
    const { day, minutes } = wallAt(this.clock.now(), this.info.zone);
    for (const line of this.grid.querySelectorAll(".now")) line.hidden = line.dataset.day !== day;
    this.grid.style.setProperty("--now", String(minutes / 60));
  }

  #drawDays() {
    const focused = document.activeElement?.dataset?.event;
    const days = this.#days();
    const today = this.#today();
    this.card.style.setProperty("--days", String(days.length));
    this.range.textContent = this.mode === "day" ? fullDay(days[0]) : monthYear(days[3]);
    this.head.replaceChildren(
      h("span", { class: "zone", title: this.info.zone }, this.#zoneLabel(days[0])),
      ...days.map((day) => this.#dayHead(day, today)));
    this.allDay.replaceChildren(h("span", { class: "gutter" }, "all day"), ...days.map((day) =>
      h("div", { class: "all-day-cell" }, this.#on(day).filter((e) => e.all_day).map((e) => this.#block(e, day)))));
    this.grid.replaceChildren(
      h("div", { class: "hours", "aria-hidden": "true" },
        Array.from({ length: 24 }, (_, i) => h("span", {}, i ? clockText(i * 60) : ""))),
      ...days.map((day) => this.#column(day, today)));
    this.#placeNow();
    if (focused) this.#focus(focused);
  }

  #focus(id) {
    this.card.querySelector(`[data-event="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
  }

  #zoneLabel(day) {
    return zoneLabel(instantOf(day, 720, this.info.zone), this.info.zone);
  }

  #dayHead(day, today) {
    const classes = `day-head ${day === today ? "today" : ""} ${day < today ? "past" : ""}`;
    return h("button", {
      type: "button", class: classes, "aria-label": `Add an event on ${fullDay(day)}`, title: "Add an event",
      onclick: (e) => this.#propose(day, 540, 600, e.currentTarget.getBoundingClientRect()),
    }, h("span", { class: "day-name" }, shortWeekday(day)),
    h("span", { class: "day-number" }, String(Number(day.slice(8)))),
    day.endsWith("-01") && h("span", { class: "day-month" }, shortMonth(day)));
  }

  #column(day, today) {
    const timed = this.#on(day).filter((e) => !e.all_day).map((event) => ({ event, ...this.#span(event, day) }));
    const weekend = ["Sat", "Sun"].includes(weekdayOf(day));
    return h("div", { class: `column ${weekend ? "weekend" : ""} ${day === today ? "today" : ""}`, "data-day": day },
      arrange(timed).map(({ event, from, to, lane, lanes }) => {
        const block = this.#block(event, day, to - from);
        block.classList.toggle("narrow", lanes > 1);
        const place = { from: from / 60, to: to / 60, lane, lanes };
        for (const [k, v] of Object.entries(place)) block.style.setProperty(`--${k}`, String(v));
        return block;
      }),
      h("div", { class: "now", "data-day": day, hidden: true }));
  }

  #on(day) {
    const from = instantOf(day, 0, this.info.zone);
    const to = instantOf(addDays(day, 1), 0, this.info.zone);
    return this.#events.filter((e) => Date.parse(e.start) < to && Date.parse(e.end) > from);
  }

  /** The part of an event that lies on a day, in minutes of wall time. */
  #span(event, day) {
    const start = wallAt(Date.parse(event.start), this.info.zone);
    const end = wallAt(Date.parse(event.end), this.info.zone);
    const from = start.day < day ? 0 : start.minutes;
    const to = end.day > day ? 1440 : end.minutes;
    return { from, to: Math.max(to, from + snap) };
  }

  #times(event) {
    if (event.all_day) return "all day";
    const at = (iso) => clockText(wallAt(Date.parse(iso), this.info.zone).minutes);
    return `${at(event.start)} – ${at(event.end)}`;
  }

  #block(event, day, minutes = 0) {
    const kind = event.ours ? "ours" : event.busy ? "busy" : "free";
    const size = minutes && minutes < 60 ? "short" : "";
    const [start, end] = this.#times(event).split(" – ");
    const classes = ["event", kind, size, this.#flashing.has(event.id) && "flash"].filter(Boolean).join(" ");
    return h("button", {
      type: "button", class: classes, "data-event": event.id, title: `${event.title}, ${this.#times(event)}`,
      "aria-label": `${event.title}, ${fullDay(day)}, ${this.#times(event)}, ${event.ours ? "booked by slotd" : kind}`,
      onclick: (e) => this.#inspect(event, e.currentTarget),
    }, h("span", { class: "event-title" }, event.title),
    !event.all_day && h("span", { class: "event-time" }, start, h("span", { class: "event-end" }, ` – ${end}`)));
  }

  // Drawing: press on the empty grid, pull, let go; then a small dialog asks for the title.

  #press(event) {
    const column = event.target.closest(".column");
    if (event.button !== 0 || !column || event.target.closest(".event")) return;
    event.preventDefault();
    this.dialog.close();
    const at = this.#minutesAt(column, event.clientY);
    const ghost = h("div", { class: "event ghost" }, h("span", { class: "event-time" }));
    column.append(ghost);
    this.#drag = { column, ghost, anchor: at, from: at, to: at + 30 };
    this.grid.setPointerCapture(event.pointerId);
    this.grid.onpointermove = (e) => this.#pull(e);
    this.grid.onpointerup = () => this.#release();
    this.grid.onpointercancel = () => this.#abandon();
    this.#drawGhost();
  }

  #minutesAt(column, y) {
    const box = column.getBoundingClientRect();
    const minutes = ((y - box.top) / box.height) * 1440;
    return Math.max(0, Math.min(1440 - snap, Math.floor(minutes / snap) * snap));
  }

  #pull(event) {
    const { column, anchor } = this.#drag;
    const at = this.#minutesAt(column, event.clientY);
    this.#drag.from = Math.min(anchor, at);
    this.#drag.to = at === anchor ? anchor + 30 : Math.max(anchor, at) + snap;
    this.#drawGhost();
  }

  #drawGhost() {
    const { ghost, from, to } = this.#drag;
    const end = Math.min(to, 1440);
    ghost.style.setProperty("--from", String(from / 60));
    ghost.style.setProperty("--to", String(end / 60));
    ghost.firstChild.textContent = `${clockText(from)} – ${clockText(end)}`;
  }

  #release() {
    this.#unhook();
    const { column, ghost, from, to } = this.#drag;
    this.#propose(column.dataset.day, from, Math.min(to, 1440), ghost.getBoundingClientRect());
  }

  #unhook() {
    this.grid.onpointermove = this.grid.onpointerup = this.grid.onpointercancel = null;
  }

  #abandon() {
    this.#unhook();
    this.#drag?.ghost.remove();
    this.#drag = null;
    this.#drawDays();
  }

  #propose(day, from, to, near) {
    this.dialog.ask({ day: fullDay(day), from: clockText(from), to: to === 1440 ? "23:59" : clockText(to) }, near, {
      save: ({ title, busy, start, end }) => this.actions.draw(this.info.key, {
        title, busy,
        start: new Date(instantOf(day, start, this.info.zone)).toISOString(),
        end: new Date(instantOf(day, end, this.info.zone)).toISOString(),
      }),
      done: () => this.#abandon(),
    });
  }

  #inspect(event, block) {
    const { day } = wallAt(Date.parse(event.start), this.info.zone);
    this.dialog.inspect(event, `${fullDay(day)}\n${this.#times(event)}`, block.getBoundingClientRect(), {
      setBusy: (busy) => this.actions.setBusy(this.info.key, event.id, busy),
      erase: () => this.actions.erase(this.info.key, event.id),
      done: () => this.#focus(event.id),
    });
  }
}
