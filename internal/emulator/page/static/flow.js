// A running Flow: which screen is shown, what was typed on each, and how actions move on. It knows nothing of the DOM;
// the sheet draws what it holds and is told of every change.

import { checkComponents, checkData, checkStep, Rejected } from "./check.js";
import { condition, resolve } from "./bind.js";
import { FlowError } from "./transport.js";

export class FlowRun {
  /** listener: { changed(), finished(params), message(text) } */
  constructor(flow, token, transport, listener) {
    this.flow = flow;
    this.token = token;
    this.transport = transport;
    this.listener = listener;
    this.stack = []; // the visited screens: { id, data, form, inits }; the last one is shown
    this.busy = false;
    this.error = null; // { text, retry, closes, again() }
  }

  get current() {
    return this.stack.at(-1) ?? null;
  }

  get screen() {
    return this.#declared(this.current?.id);
  }

  /** Where bindings look their values up. */
  get scope() {
    const screens = Object.fromEntries(this.stack.map((s) => [s.id, { data: s.data, form: s.form }]));
    return { data: this.current.data, form: this.current.form, screens };
  }

  /** Opens the Flow: an endpoint Flow asks its endpoint for the first screen. */
  async open() {
    if (this.flow.data_api_version) return this.#send("INIT", "", {});
    this.#show(this.flow.screens[0].id, {});
  }

  /** Stores a field's value on the shown screen. */
  set(name, value) {
    if (this.current.form[name] === value) return;
    this.current.form[name] = value;
    this.listener.changed();
  }

  /** Runs an action of the shown screen. */
  async act(action) {
    if (!action || this.busy) return;
    const payload = resolve(action.payload ?? {}, this.#payloadScope());
    switch (action.name) {
      case "data_exchange":
        return this.#send("data_exchange", this.current.id, payload);
      case "navigate":
        return this.#navigate(action.next?.name, payload);
      case "update_data":
        Object.assign(this.current.data, payload);
        return this.listener.changed();
      case "complete":
        return this.listener.finished({ flow_token: this.token, ...payload });
      case "open_url":
        return openLink(resolve(action.url, this.scope));
    }
  }

  /** Leaves the shown screen: by the endpoint where the screen asks for that, otherwise by the local history. */
  async back() {
    if (this.busy || this.stack.length < 2) return;
    this.error = null;
    if (this.screen.refresh_on_back) return this.#send("BACK", this.current.id, {});
    this.stack.pop();
    this.listener.changed();
  }

  /** The inputs that are on the screen now, looking into Form, If and Switch. */
  inputs(children = this.screen.layout.children, found = []) {
    for (const c of children) {
      if (c.type === "If") this.inputs(condition(c.condition, this.scope) ? c.then : c.else ?? [], found);
      else if (c.type === "Switch") this.inputs(branchOf(c, this.scope), found);
      else if (c.type === "Form") this.inputs(c.children, found);
      else if (c.name && resolve(c.visible ?? true, this.scope) !== false) found.push(c);
    }
    return found;
  }

  /** Whether the Footer may be pressed: all that is required is there, all that is typed is well-formed. */
  complete() {
    return this.inputs().every((c) => fieldFault(c, this.current.form[c.name], this.scope) === "");
  }

  #declared(id) {
    return this.flow.screens.find((s) => s.id === id);
  }

  /** In a payload a field that was never touched is its empty value, not a hole. */
  #payloadScope() {
    const form = {};
    for (const c of everyInput(this.screen.layout.children)) {
      form[c.name] = c.type === "CheckboxGroup" || c.type === "ChipsSelector" ? [] : c.type === "OptIn" ? false : "";
    }
    return { ...this.scope, form: { ...form, ...this.current.form } };
  }

  async #send(action, screen, data) {
    if (this.busy) return;
    this.busy = true;
    this.error = null;
    this.listener.changed();
    const message = { version: this.flow.data_api_version, action, screen, data, flow_token: this.token };
    let finished;
    try {
      finished = this.#accept(message, await this.transport.exchange(message));
    } catch (error) {
      this.#failed(error, message);
    } finally {
      this.busy = false;
    }
    this.listener.changed();
    if (finished) this.listener.finished(finished);
  }

  /** Checks an answer and shows it; returns the params when the Flow has ended. */
  #accept(message, answer) {
    const data = answer?.data ?? {};
    if (typeof answer?.screen !== "string" || typeof data !== "object" || Array.isArray(data)) {
      throw new FlowError("The answer of the business makes no sense.", { retry: false });
    }
    if (answer.screen === "SUCCESS") {
      return data.extension_message_response?.params ?? {};
    }
    const declared = this.#declared(answer.screen);
    if (!declared) throw new Rejected("invalid-screen-transition", `There is no screen ${answer.screen}.`);
    checkStep(this.flow, message.screen, answer.screen);
    checkData(declared, data);
    this.#show(answer.screen, data);
    checkComponents(declared.layout.children, this.scope);
    if (typeof data.error_message === "string" && data.error_message !== "") this.listener.message(data.error_message);
    return null;
  }

  #failed(error, message) {
    if (error instanceof Rejected) {
      this.error = { text: "Something went wrong.", detail: error.message, retry: false };
      const notice = { ...message, data: { error: error.key, error_message: error.message } };
      // The report is best effort: the person sees the error either way.
      this.transport.exchange(notice).catch(() => {});
      return;
    }
    const { retry = false, closes = false } = error;
    const again = () => this.#send(message.action, message.screen, message.data);
    this.error = { text: error.message, retry, closes, again };
  }

  #navigate(id, payload) {
    const declared = this.#declared(id);
    if (!declared) return;
    this.#show(id, payload);
    this.listener.changed();
  }

  /** Makes a screen the shown one: refreshed in place, returned to, or added to the history. */
  #show(id, data) {
    const known = this.stack.findIndex((s) => s.id === id);
    if (known >= 0) this.stack.length = known + 1;
    else this.stack.push({ id, data, form: {}, inits: {} });
    this.current.data = { ...data };
    this.#initialise();
    this.#dropStale();
  }

  /** Applies init-values where they are new: on the first sight of a field, and when the endpoint sent another one. */
  #initialise() {
    for (const c of everyInput(this.screen.layout.children)) {
      const init = resolve(c["init-value"], this.scope) ?? this.#formInit(c.name);
      const known = JSON.stringify(this.current.inits[c.name]) === JSON.stringify(init);
      if (init === undefined || init === "" || known) continue;
      this.current.inits[c.name] = init;
      this.current.form[c.name] = init;
    }
  }

  #formInit(name) {
    const form = this.screen.layout.children.find((c) => c.type === "Form");
    const inits = form ? resolve(form["init-values"] ?? {}, this.scope) : {};
    return inits?.[name];
  }

  /** Forgets a choice that is no longer among the options. */
  #dropStale() {
    for (const c of everyInput(this.screen.layout.children)) {
      const value = this.current.form[c.name];
      if (!c["data-source"] || value === undefined) continue;
      const options = resolve(c["data-source"], this.scope) ?? [];
      const ids = new Set(options.filter((o) => o.enabled !== false).map((o) => o.id));
      if (Array.isArray(value)) this.current.form[c.name] = value.filter((v) => ids.has(v));
      else if (!ids.has(value)) delete this.current.form[c.name];
    }
  }
}

/** The children of the case that a Switch picks. */
export function branchOf(component, scope) {
  const value = String(resolve(component.value, scope) ?? "");
  return component.cases?.[value] ?? component.cases?.default ?? [];
}

/** Every input of a screen, also those in branches that are not shown. */
function everyInput(children) {
  return (children ?? []).flatMap((c) => {
    if (c.type === "Form") return everyInput(c.children);
    if (c.type === "If") return [...everyInput(c.then), ...everyInput(c.else)];
    if (c.type === "Switch") return Object.values(c.cases ?? {}).flatMap(everyInput);
    return c.name ? [c] : [];
  });
}

const email = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

/** What is wrong with a field's value, in words; "" when nothing is, "missing" when it has to be filled in. */
export function fieldFault(c, value, scope) {
  const empty = value === undefined || value === "" || value === false || (Array.isArray(value) && value.length === 0);
  if (empty) return resolve(c.required ?? false, scope) === true ? "missing" : "";
  if (c.type === "CalendarPicker" && c.mode === "range" && !value["end-date"]) return "missing";
  if (c.type !== "TextInput" && c.type !== "TextArea") return "";
  const min = Number(resolve(c["min-chars"] ?? 0, scope));
  const max = Number(resolve(c["max-chars"] ?? c["max-length"] ?? (c.type === "TextArea" ? 600 : 80), scope));
  if (value.length < min) return `At least ${min} characters`;
  if (value.length > max) return `At most ${max} characters`;
  if (c["input-type"] === "email" && !email.test(value)) return "Enter an email address";
  if (c["input-type"] === "number" && !/^-?\d+([.,]\d+)?$/.test(value)) return "Enter a number";
  if (c["input-type"] === "phone" && !/^\+?[\d\s()-]{5,}$/.test(value)) return "Enter a phone number";
  if (c.pattern && !matches(c.pattern, value)) return "This does not have the expected form";
  return "";
}

function matches(pattern, value) {
  try {
    return new RegExp(`^(?:${pattern})$`, "u").test(value);
  } catch {
    return true; // A pattern that this browser cannot read is the validator's business, not the customer's.
  }
}

function openLink(url) {
  if (/^https?:\/\//i.test(url ?? "")) window.open(url, "_blank", "noopener,noreferrer");
}
