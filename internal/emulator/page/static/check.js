// What the client demands of an answer before it shows it: a legal step, data of the declared types, and components
// that can be drawn. What fails here is reported to the endpoint as a client error.

import { resolve } from "./bind.js";

/** The error keys of the protocol, with the reason in words. */
export class Rejected extends Error {
  constructor(key, text) {
    super(text);
    this.key = key;
  }
}

/** A step is legal along a declared edge, back over one, or to the same screen. INIT answers with an entry screen. */
export function checkStep(flow, from, to) {
  const edges = flow.routing_model;
  if (!edges) return;
  const targets = new Set(Object.values(edges).flat());
  const legal = from === ""
    ? !targets.has(to)
    : from === to || edges[from]?.includes(to) || edges[to]?.includes(from);
  if (legal) return;
  throw new Rejected("invalid-screen-transition", `The step from ${from || "the start"} to ${to} is not declared.`);
}

const typeOf = (v) => (Array.isArray(v) ? "array" : v === null ? "null" : typeof v);

/** Compares a screen's data with its declaration, in depth. */
export function checkData(screen, data) {
  const declared = screen.data ?? {};
  const keys = Object.keys(data).filter((k) => k !== "error_message");
  if (Object.keys(declared).length === 0 && keys.length > 0) {
    throw new Rejected("payload-schema-error", `${screen.id} expects no dynamic data.`);
  }
  for (const [key, schema] of Object.entries(declared)) {
    if (Object.hasOwn(data, key)) checkValue(schema, data[key], `${screen.id}.${key}`);
  }
}

function checkValue(schema, value, where) {
  const type = typeOf(value);
  if (schema.type && type !== schema.type) {
    throw new Rejected("payload-schema-error", `${where} should be of type ${schema.type}, not ${type}.`);
  }
  if (type === "array" && schema.items) value.forEach((v, i) => checkValue(schema.items, v, `${where}[${i}]`));
  if (type === "object" && schema.properties) {
    for (const [key, inner] of Object.entries(schema.properties)) {
      if (Object.hasOwn(value, key)) checkValue(inner, value[key], `${where}.${key}`);
    }
  }
}

const optionLimits = { RadioButtonsGroup: [1, 20], CheckboxGroup: [1, 20], Dropdown: [1, 200], ChipsSelector: [2, 20] };

/** The rules of components that a schema cannot say: list lengths, distinct ids, nothing both required and hidden. */
export function checkComponents(children, scope) {
  for (const c of children) {
    if (c.type === "Form") checkComponents(c.children ?? [], scope);
    const visible = resolve(c.visible ?? true, scope) !== false;
    const required = resolve(c.required ?? false, scope) === true;
    if (c.name && required && !visible) bad(c, "is required but hidden");
    if (c.name && required && resolve(c.enabled ?? true, scope) === false) bad(c, "is required but disabled");
    const limits = optionLimits[c.type];
    if (!limits || !visible) continue;
    const options = resolve(c["data-source"], scope);
    if (!Array.isArray(options)) bad(c, "has no list of options");
    if (options.length < limits[0] || options.length > limits[1]) bad(c, `has ${options.length} options`);
    const ids = options.map((o) => o.id);
    if (ids.some((id) => typeof id !== "string" || id === "")) bad(c, "has an option without an id");
    if (new Set(ids).size !== ids.length) bad(c, "has two options with the same id");
  }
}

function bad(component, what) {
  throw new Rejected("components-validation-error", `${component.type} ${component.name} ${what}.`);
}
