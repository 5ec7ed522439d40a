// The wire drawer: the last exchanges with the endpoint, so that one can see that this is the real protocol.

import { h, icons } from "./dom.js";

const kept = 12;

export class Wire {
  constructor(host) {
    this.host = host;
    this.list = h("ol", { class: "wire-list", "aria-label": "Exchanges, newest first" });
    this.empty = h("p", { class: "wire-empty" }, "Open the form: every request appears here, sealed and opened.");
    this.grow = h("button", {
      type: "button", class: "round", "aria-label": "Enlarge the wire drawer", "aria-expanded": "false",
      onclick: () => this.#toggle(),
    }, icons.expand());
    host.append(
      h("header", { class: "wire-bar" }, icons.lock(), h("h2", {}, "Wire"),
        h("span", { class: "wire-note" }, "RSA-OAEP · AES-128-GCM · HMAC by proxy"), this.grow),
      this.empty, this.list);
  }

  #toggle(open = !this.host.classList.contains("open")) {
    this.host.classList.toggle("open", open);
    this.grow.setAttribute("aria-expanded", String(open));
  }

  /** Adds one exchange. */
  add(entry) {
    this.empty.remove();
    const { request, answer, status } = entry;
    const outcome = outcomes[status] ?? (status ? "error" : "no answer");
    const to = answer?.screen ?? (answer?.data?.acknowledged ? "noted" : outcome);
    const line = h("summary", {},
      h("span", { class: "wire-action" }, request.data?.error ? "error" : request.action),
      h("span", { class: "wire-screens" }, request.screen ? `${request.screen} → ${to}` : `→ ${to}`),
      h("span", { class: `wire-status ${status === 200 ? "good" : "bad"}` }, status ? String(status) : "—"),
      h("span", { class: "wire-number" }, `${Math.round(entry.ms)} ms`),
      h("span", { class: "wire-number" }, sizeOf(entry.sent)));
    const item = h("li", {}, h("details", { ontoggle: (e) => e.target.open && this.#toggle(true) }, line,
      part("Request, before sealing", hideToken(request)),
      part("Request, as posted", short(entry.envelope)),
      part(`Answer, decrypted${entry.received ? ` (${sizeOf(entry.received)} on the wire)` : ""}`,
        answer ?? entry.note ?? "no body")));
    this.list.prepend(item);
    while (this.list.children.length > kept) this.list.lastChild.remove();
  }
}

/** What the statuses of the protocol mean to the phone. */
const outcomes = { 421: "fetch the key", 427: "closed", 432: "bad signature" };

const sizeOf = (bytes) => (bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KB`);

const part = (title, value) => h("div", { class: "wire-part" }, h("h3", {}, title),
  h("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 2)));

/** Base64 is for machines: its beginning and length are enough for people. */
const short = (envelope) => Object.entries(envelope)
  .map(([key, value]) => `${key}: ${value.slice(0, 16)}… (${value.length})`).join("\n");

const hideToken = (message) => ({ ...message, flow_token: `${message.flow_token.slice(0, 6)}…` });
