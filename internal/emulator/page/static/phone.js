// The phone: a chat with the business, in which a message's button opens the Flow, and a finished Flow leaves a bubble.

import { api, h, icons } from "./dom.js";
import { Sheet } from "./sheet.js";
import { Transport } from "./transport.js";

export class Phone {
  #sheet = null;

  /** clock: { now() in ms, today(): "YYYY-MM-DD", time(): "HH:MM" }, wall time of the business; report(exchange). */
  constructor(host, session, clock, report) {
    this.session = session;
    this.clock = clock;
    this.report = report;
    this.chat = h("div", { class: "chat", role: "log", "aria-label": "Conversation", tabindex: "0" });
    this.screen = h("div", { class: "phone-screen" }, this.#statusBar(), this.#chatBar(), this.chat, this.#composer());
    host.append(this.screen);
    this.chat.append(
      h("div", { class: "chat-day" }, "Today"),
      h("div", { class: "chat-note" }, "Every screen of the form is sealed in this browser and answered by slotd."));
    this.#say("Hi! I would like an appointment.", true);
    this.#invite(session);
  }

  #statusBar() {
    const time = h("span", { class: "status-time" }, this.clock.time());
    setInterval(() => (time.textContent = this.clock.time()), 5000);
    return h("div", { class: "status-bar", "aria-hidden": "true" }, time, h("span", { class: "status-camera" }),
      h("span", { class: "status-right" },
        h("span", { class: "bars" }, [1, 2, 3, 4].map(() => h("i"))), h("span", { class: "battery" }, h("i"))));
  }

  #chatBar() {
    const name = this.session.business;
    const initials = name.split(/\s+/).slice(0, 2).map((w) => w[0] ?? "").join("").toUpperCase();
    return h("header", { class: "chat-bar" },
      h("span", { class: "chat-back", "aria-hidden": "true" }, icons.left()),
      h("span", { class: "avatar", "aria-hidden": "true" }, initials),
      h("div", { class: "chat-name" }, h("h2", {}, name), h("p", {}, "Business account")),
      h("span", { class: "chat-tool", "aria-hidden": "true" }, icons.video()),
      h("span", { class: "chat-tool", "aria-hidden": "true" }, icons.phone()));
  }

  #composer() {
    const input = h("input", {
      type: "text", "aria-label": "Message", placeholder: "Message", maxlength: "200", autocomplete: "off",
    });
    return h("form", {
      class: "composer",
      onsubmit: async (event) => {
        event.preventDefault();
        const text = input.value.trim() || "Hi!";
        input.value = "";
        this.#say(text, true);
        await this.#newConversation();
      },
    }, input, h("button", { type: "submit", class: "send", "aria-label": "Send" }, icons.send()));
  }

  /** The business answers every message with a fresh invitation, and that carries a fresh flow token. */
  async #newConversation() {
    try {
      this.#invite(await api("api/session"));
    } catch (error) {
      this.#say(error.message, false);
    }
  }

  /** mine: what the customer sent. */
  #say(content, mine) {
    const bubble = h("div", { class: `bubble ${mine ? "mine" : "theirs"}` },
      typeof content === "string" ? h("p", {}, content) : content,
      h("span", { class: "stamp" }, this.clock.time(), mine && icons.checks()));
    this.chat.append(bubble);
    this.chat.scrollTo({ top: this.chat.scrollHeight });
    return bubble;
  }

  #invite(session) {
    const button = h("button", {
      type: "button", class: "cta", onclick: () => this.#open(session, button),
    }, icons.calendar(), h("span", {}, "Book appointment"));
    const bubble = this.#say([
      h("p", { class: "bubble-title" }, "Book your appointment"),
      h("p", {}, "Choose who you would like to see and pick a time that suits you. It takes less than a minute."),
      h("p", { class: "bubble-foot" }, session.business),
    ], false);
    bubble.classList.add("with-button");
    bubble.append(button);
    this.chat.scrollTo({ top: this.chat.scrollHeight });
  }

  #open(session, button) {
    this.#sheet?.close();
    this.#sheet = new Sheet(this.screen, {
      flow: session.flow,
      token: session.token,
      transport: new Transport(session.public_key, this.report),
      today: this.clock.today(),
      business: session.business,
    }, {
      finished: (params) => this.#booked(params),
      dead: () => {
        button.disabled = true;
        button.closest(".bubble").classList.add("dead");
      },
    });
  }

  /** Shows what the chat receives when a Flow ends: the reference and the summary, and whatever else it carries. */
  #booked({ flow_token: _token, ...params }) {
    const reference = take(params, ["reference", "booking_reference", "booking", "booking_id"]);
    const summary = take(params, ["summary", "details"]);
    const rest = Object.entries(params).filter(([, v]) => typeof v === "string" || typeof v === "number");
    this.#say([
      h("div", { class: "receipt" },
        h("span", { class: "receipt-mark" }, icons.check()),
        h("div", {}, h("p", { class: "bubble-title" }, "Appointment booked"),
          reference && h("p", { class: "reference" }, `Reference ${reference}`))),
      summary && h("p", { class: "summary" }, summary),
      rest.length > 0 && !summary && h("dl", {},
        rest.map(([k, v]) => [h("dt", {}, k.replace(/_/g, " ")), h("dd", {}, String(v))])),
    ], true).classList.add("booked");
  }
}

/** Takes the first of some names out of an object. */
function take(object, names) {
  const name = names.find((n) => object[n]);
  if (!name) return "";
  const value = String(object[name]);
  delete object[name];
  return value;
}
