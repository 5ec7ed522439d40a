// Draws the components of a Flow screen. Each renderer gets the component as declared and the surroundings:
//   run    the running Flow (values, actions, scope)
//   errors what a Form says of its fields, by name
//   ui     of this sheet: { panel(title, build), redraw(), months: Map, touched: Set, today }
// The screen is drawn anew whenever its state changes; "data-focus" lets the sheet find the focused control again.

import { condition, resolve } from "./bind.js";
import { h, icons, roveFocus } from "./dom.js";
import { branchOf, fieldFault } from "./flow.js";
import { addDays, isDate, monthGrid, open as openDate, sayDate } from "./month.js";

/** Draws a list of components; the Footer is drawn by the sheet, which keeps it in view. */
export function draw(children, env) {
  return (children ?? []).flatMap((component) => {
    if (component.type === "If") {
      return draw(condition(component.condition, env.run.scope) ? component.then : component.else, env);
    }
    if (component.type === "Switch") return draw(branchOf(component, env.run.scope), env);
    if (component.type === "Form") {
      const errors = resolve(component["error-messages"], env.run.scope) ?? {};
      return draw(component.children, { ...env, errors });
    }
    const renderer = renderers[component.type];
    if (!renderer || resolve(component.visible ?? true, env.run.scope) === false) return [];
    return [renderer(component, env)];
  });
}

/** Finds the Footer that is in force, also in Form, If and Switch. */
export function footerOf(children, scope) {
  for (const c of children ?? []) {
    if (c.type === "Footer") return c;
    const inner = c.type === "Form" ? c.children
      : c.type === "If" ? (condition(c.condition, scope) ? c.then : c.else)
      : c.type === "Switch" ? branchOf(c, scope) : null;
    const found = inner && footerOf(inner, scope);
    if (found) return found;
  }
  return null;
}

/** A property of a component, with its bindings resolved. */
const prop = (env, c, name, otherwise) => resolve(c[name], env.run.scope) ?? otherwise;
const isEnabled = (env, c) => prop(env, c, "enabled", true) !== false && !env.run.busy;
const valueOf = (env, c) => env.run.current.form[c.name];

const text = (tag, className) => (c, env) => {
  const content = prop(env, c, "text", "");
  const lines = Array.isArray(content) ? content.join("\n") : String(content);
  const weight = String(prop(env, c, "font-weight", "")).replace("_", " ");
  return h(tag, { class: `${className} ${weight}` }, c.markdown || c.type === "RichText" ? marked(lines) : lines);
};

/** The little of markdown that matters on a booking screen: bold. */
function marked(lines) {
  return lines.split(/\*\*(.+?)\*\*/).map((part, i) => (i % 2 ? h("strong", {}, part) : part));
}

/** Stores a value and runs the component's select action. */
function choose(env, c, value) {
  env.ui.touched.add(c.name);
  env.run.set(c.name, value);
  const action = c["on-select-action"];
  if (action) env.run.act(action);
}

/** What stands below a field: the endpoint's error, what is wrong with what was typed, or the helper text. */
function below(env, c, id) {
  const fault = env.ui.touched.has(c.name) ? fieldFault(c, valueOf(env, c), env.run.scope) : "";
  const said = prop(env, c, "error-message", "") || env.errors?.[c.name];
  const error = (typeof said === "string" && said) || (fault !== "missing" && fault);
  if (error) return h("p", { class: "field-error", id }, error);
  const helper = prop(env, c, "helper-text", "");
  return helper ? h("p", { class: "field-help", id }, helper) : null;
}

/** A fieldset with its legend, description and message. */
function group(env, c, kind, ...inner) {
  const description = prop(env, c, "description", "");
  const optional = prop(env, c, "required", false) !== true;
  return h("fieldset", { class: `field ${kind}` },
    h("legend", {}, prop(env, c, "label", ""), optional && h("span", { class: "optional" }, "optional")),
    description && h("p", { class: "field-help" }, description),
    inner,
    below(env, c));
}

const optionsOf = (env, c) => prop(env, c, "data-source", []) ?? [];

function picture(option) {
  const alt = option["alt-text"] ?? "";
  if (option.image) return h("img", { class: "option-image", src: imageURL(option.image), alt });
  if (option.color) return h("span", { class: "option-colour", style: { "background-color": option.color } });
  return null;
}

/** Base64 pictures come without their type; the first bytes tell it. */
function imageURL(base64) {
  const kind = base64.startsWith("/9j/") ? "jpeg" : base64.startsWith("UklGR") ? "webp" : "png";
  return `data:image/${kind};base64,${base64}`;
}

/** One row of a radio or checkbox list. */
function row(env, c, option, type, checked, onchange) {
  const enabled = isEnabled(env, c) && option.enabled !== false;
  return h("label", { class: `option ${enabled ? "" : "off"}` },
    picture(option),
    h("span", { class: "option-text" },
      h("span", { class: "option-title" }, option.title),
      option.description && h("span", { class: "option-description" }, option.description),
      option.metadata && h("span", { class: "option-meta" }, option.metadata)),
    h("input", {
      type, name: c.name, checked, disabled: !enabled, "data-focus": `${c.name}:${option.id}`,
      "data-option": option.id, onchange,
    }));
}

/** update_data actions of a single option. */
function optionActions(env, options, before, after) {
  const run = (id, name) => {
    const action = options.find((o) => o.id === id)?.[name];
    if (action) env.run.act(action);
  };
  before.filter((id) => !after.includes(id)).forEach((id) => run(id, "on-unselect-action"));
  after.filter((id) => !before.includes(id)).forEach((id) => run(id, "on-select-action"));
}

function radioButtons(c, env) {
  const options = optionsOf(env, c);
  const value = valueOf(env, c);
  const pick = (id) => {
    optionActions(env, options, value ? [value] : [], [id]);
    choose(env, c, id);
  };
  return group(env, c, "list", h("div", { class: "options" },
    options.map((o) => row(env, c, o, "radio", value === o.id, () => pick(o.id)))));
}

function checkboxes(c, env) {
  const options = optionsOf(env, c);
  const value = valueOf(env, c) ?? [];
  return group(env, c, "list", h("div", { class: "options" },
    options.map((o) => row(env, c, o, "checkbox", value.includes(o.id), () => toggleOption(env, c, options, o.id)))));
}

function chips(c, env) {
  const options = optionsOf(env, c);
  const value = valueOf(env, c) ?? [];
  return group(env, c, "chip-field", h("div", { class: "chips" }, options.map((o) => h("button", {
    type: "button", class: "chip", "aria-pressed": String(value.includes(o.id)), "data-option": o.id,
    "data-focus": `${c.name}:${o.id}`, disabled: !isEnabled(env, c) || o.enabled === false,
    onclick: () => toggleOption(env, c, options, o.id),
  }, o.title))));
}

function toggleOption(env, c, options, id) {
  const before = valueOf(env, c) ?? [];
  let after = before.includes(id) ? before.filter((v) => v !== id) : [...before, id];
  const most = Number(prop(env, c, "max-selected-items", Infinity));
  if (after.length > most) after = after.slice(after.length - most);
  optionActions(env, options, before, after);
  choose(env, c, after);
}

/** A field that opens a panel: how a phone asks for one of many. */
function panelField(env, c, shown, placeholder, symbol, build) {
  const label = prop(env, c, "label", "");
  const id = `field-${c.name}`;
  return h("div", { class: "field" },
    h("button", {
      type: "button", class: `box ${shown ? "" : "empty"}`, id, "data-focus": c.name, "data-name": c.name,
      disabled: !isEnabled(env, c), "aria-haspopup": "dialog", onclick: () => env.ui.panel(label, build),
    },
    h("span", { class: "box-label" }, label),
    h("span", { class: "box-value" }, shown || placeholder), symbol),
    below(env, c));
}

function dropdown(c, env) {
  const options = optionsOf(env, c);
  const picked = options.find((o) => o.id === valueOf(env, c));
  return panelField(env, c, picked?.title, "Choose", icons.down(), (close) =>
    h("div", { class: "options", role: "listbox", onkeydown: arrowKeys }, options.map((o) => h("button", {
      type: "button", role: "option", class: "option", "aria-selected": String(o.id === picked?.id),
      "data-option": o.id,
      disabled: o.enabled === false,
      onclick: () => {
        close();
        optionActions(env, options, picked ? [picked.id] : [], [o.id]);
        choose(env, c, o.id);
      },
    },
    picture(o),
    h("span", { class: "option-text" },
      h("span", { class: "option-title" }, o.title),
      o.description && h("span", { class: "option-description" }, o.description),
      o.metadata && h("span", { class: "option-meta" }, o.metadata)),
    o.id === picked?.id ? icons.check() : null))));
}

function arrowKeys(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  roveFocus([...event.currentTarget.querySelectorAll("button:not(:disabled)")], step);
}

/** What may be picked, from the component's properties. */
function limitsOf(c, env) {
  const days = prop(env, c, "include-days", null);
  return {
    min: prop(env, c, "min-date", ""),
    max: prop(env, c, "max-date", ""),
    unavailable: new Set(prop(env, c, "unavailable-dates", []) ?? []),
    days: Array.isArray(days) ? new Set(days) : null,
  };
}

/** The month that a picker shows: the one turned to, else that of the chosen date, else of the first open date. */
function monthOf(c, env, limits, selected) {
  const turned = env.ui.months.get(c.name);
  if (turned) return turned;
  const today = env.ui.today;
  let from = isDate(selected) ? selected : limits.min > today ? limits.min : today;
  for (let days = 0; !isDate(selected) && days < 366 && !openDate(from, limits); days++) from = addDays(from, 1);
  return from.slice(0, 8) + "01";
}

function calendarPicker(c, env) {
  const limits = limitsOf(c, env);
  const range = c.mode === "range";
  const value = valueOf(env, c);
  const selected = range ? [value?.["start-date"], value?.["end-date"]].filter(Boolean) : [value].filter(Boolean);
  const state = {
    month: monthOf(c, env, limits, selected[0]), selected, today: env.ui.today, disabled: !isEnabled(env, c),
    id: c.name,
    span: selected.length === 2 ? selected : null,
  };
  const pick = (date) => choose(env, c, range ? stretch(selected, date) : date);
  const turn = (month) => {
    env.ui.months.set(c.name, month);
    env.ui.redraw();
  };
  const label = { ...c, label: labelOf(c, env, range) };
  return group(env, label, "calendar-field", monthGrid(limits, state, { pick, turn }));
}

const labelOf = (c, env, range) => {
  const label = prop(env, c, "label", "");
  return range ? prop(env, c, "title", "") || label["start-date"] : label;
};

/** A range grows from its first date; a third pick begins anew. */
function stretch(selected, date) {
  if (selected.length !== 1 || date < selected[0]) return { "start-date": date };
  return { "start-date": selected[0], "end-date": date };
}

function datePicker(c, env) {
  const limits = limitsOf(c, env);
  const value = valueOf(env, c);
  return panelField(env, c, sayDate(value), "Choose a date", icons.calendar(), (close, redraw) => {
    const selected = [value].filter(Boolean);
    const state = { month: monthOf(c, env, limits, value), selected, today: env.ui.today, id: c.name };
    return h("div", { class: "panel-month" }, monthGrid(limits, state, {
      turn: (month) => {
        env.ui.months.set(c.name, month);
        redraw();
      },
      pick: (date) => {
        if (!openDate(date, limits)) return;
        close();
        choose(env, c, date);
      },
    }));
  });
}

const inputTypes = { email: "email", password: "password", passcode: "password", phone: "tel" };

function textInput(c, env) {
  const id = `field-${c.name}`;
  const multi = c.type === "TextArea";
  const input = h(multi ? "textarea" : "input", {
    id, class: "box-input", type: multi ? null : inputTypes[c["input-type"]] ?? "text", name: c.name,
    "data-focus": c.name,
    inputmode: c["input-type"] === "number" ? "decimal" : null,
    placeholder: " ", rows: multi ? "3" : null, disabled: !isEnabled(env, c), autocomplete: "off",
    required: prop(env, c, "required", false) === true, "aria-describedby": `${id}-below`, value: valueOf(env, c) ?? "",
    maxlength: String(prop(env, c, "max-chars", prop(env, c, "max-length", multi ? 600 : 80))),
    // While an input method composes a character, drawing anew would break it off.
    oninput: (e) => e.isComposing || env.run.set(c.name, e.target.value),
    oncompositionend: (e) => env.run.set(c.name, e.target.value),
    onblur: () => {
      env.ui.touched.add(c.name);
      const fault = fieldFault(c, valueOf(env, c), env.run.scope);
      if (fault !== "" && fault !== "missing") env.ui.redraw();
    },
  });
  const optional = prop(env, c, "required", false) !== true;
  return h("div", { class: "field" },
    h("div", { class: `box typed ${multi ? "tall" : ""}` },
      input,
      h("label", { class: "box-label", for: id }, prop(env, c, "label", ""),
        optional && h("span", { class: "optional" }, "optional"))),
    below(env, c, `${id}-below`));
}

function optIn(c, env) {
  return h("div", { class: "field opt-in" },
    h("label", { class: "opt-in-row" },
      h("input", {
        type: "checkbox", name: c.name, checked: valueOf(env, c) === true, disabled: !isEnabled(env, c),
        "data-focus": c.name,
        onchange: (e) => choose(env, c, e.target.checked),
      }),
      h("span", {}, prop(env, c, "label", ""))),
    c["on-click-action"] && h("button", {
      type: "button", class: "link", onclick: () => env.run.act(c["on-click-action"]),
    }, "Read more"));
}

function embeddedLink(c, env) {
  return h("button", {
    type: "button", class: "link", disabled: env.run.busy, "data-focus": `link:${c.text}`,
    onclick: () => env.run.act(c["on-click-action"]),
  }, prop(env, c, "text", ""));
}

function image(c, env) {
  const source = prop(env, c, "src", "");
  const fit = c["scale-type"] === "cover" ? "cover" : "";
  const el = h("img", { class: `picture ${fit}`, src: imageURL(source), alt: prop(env, c, "alt-text", "") });
  const height = Number(prop(env, c, "height", 0));
  if (height > 0) el.style.setProperty("height", `${Math.min(height, 400)}px`);
  return el;
}

const renderers = {
  TextHeading: text("h3", "text-heading"),
  TextSubheading: text("h4", "text-subheading"),
  TextBody: text("p", "text-body"),
  TextCaption: text("p", "text-caption"),
  RichText: text("p", "text-body"),
  RadioButtonsGroup: radioButtons,
  CheckboxGroup: checkboxes,
  ChipsSelector: chips,
  Dropdown: dropdown,
  CalendarPicker: calendarPicker,
  DatePicker: datePicker,
  TextInput: textInput,
  TextArea: textInput,
  OptIn: optIn,
  EmbeddedLink: embeddedLink,
  Image: image,
};
