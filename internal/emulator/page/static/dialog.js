// The small dialog beside a drawn or clicked event.

import { h, icons } from "./dom.js";

const width = 268;

export class Dialog {
  #el = null;
  #done = null;

  /** Asks for the title of a new event. on: { save({ title, busy, start, end }) → promise, done() } */
  ask({ day, from, to }, near, on) {
    const title = h("input", {
      type: "text", class: "title-input", placeholder: "Add title", "aria-label": "Title", maxlength: "120",
    });
    const start = h("input", { type: "time", "aria-label": "Starts", value: from, step: "900", required: true });
    const end = h("input", { type: "time", "aria-label": "Ends", value: to, step: "900", required: true });
    const busy = h("input", { type: "checkbox", checked: true });
    const save = () => {
      const [a, b] = [minutesOf(start.value), minutesOf(end.value)];
      if (!(b > a)) return this.#complain("It must end after it starts.");
      this.#try(() => on.save({ title: title.value.trim() || "Busy", busy: busy.checked, start: a, end: b }));
    };
    this.#open(near, on.done, "New event", h("form", { onsubmit: (e) => { e.preventDefault(); save(); } },
      title,
      h("p", { class: "dialog-when" }, day),
      h("div", { class: "dialog-times" }, start, h("span", {}, "–"), end),
      h("label", { class: "switch" }, busy, h("span", {}, "Show as busy")),
      h("div", { class: "dialog-buttons" },
        h("button", { type: "button", class: "quiet", onclick: () => this.close() }, "Cancel"),
        h("button", { type: "submit", class: "small-primary" }, "Save"))));
    title.focus();
  }

  /** Shows an event. on: { setBusy(busy) → promise, erase() → promise, done() } */
  inspect(event, when, near, on) {
    const kind = event.ours ? "Booked by slotd" : event.busy ? "Busy" : "Free";
    const toggle = h("button", {
      type: "button", class: "quiet", onclick: () => this.#try(() => on.setBusy(!event.busy)),
    }, event.busy ? "Show as free" : "Show as busy");
    this.#open(near, on.done, event.title,
      h("p", { class: "dialog-title" }, event.title),
      h("p", { class: "dialog-when" }, when),
      h("p", { class: `dialog-kind ${event.ours ? "ours" : event.busy ? "busy" : "free"}` }, kind),
      h("div", { class: "dialog-buttons" }, toggle,
        h("button", { type: "button", class: "quiet danger", onclick: () => this.#try(on.erase) },
          icons.trash(), "Delete")));
    toggle.focus();
  }

  close() {
    if (!this.#el) return;
    document.removeEventListener("pointerdown", this.#outside, true);
    this.#el.remove();
    this.#el = null;
    this.#done?.();
  }

  #open(near, done, label, ...content) {
    this.close();
    this.#done = done;
    this.fault = h("p", { class: "dialog-fault", role: "alert" });
    this.#el = h("div", {
      class: "dialog", role: "dialog", "aria-label": label,
      onkeydown: (e) => {
        if (e.key !== "Escape") return;
        e.stopPropagation();
        this.close();
      },
    }, content, this.fault);
    document.body.append(this.#el);
    this.#place(near);
    document.addEventListener("pointerdown", this.#outside, true);
  }

  #outside = (event) => {
    if (!this.#el?.contains(event.target)) this.close();
  };

  /** Beside the event where there is room, otherwise on its other side; always inside the window. */
  #place(near) {
    const { offsetHeight } = this.#el;
    const right = near.right + 10 + width < innerWidth;
    const left = right ? near.right + 10 : Math.max(10, near.left - width - 10);
    const top = Math.max(10, Math.min(near.top - 12, innerHeight - offsetHeight - 10));
    this.#el.style.setProperty("left", `${left}px`);
    this.#el.style.setProperty("top", `${top}px`);
  }

  async #try(action) {
    try {
      await action();
      this.close();
    } catch (error) {
      this.#complain(error.message);
    }
  }

  #complain(text) {
    this.fault.textContent = text;
  }
}

function minutesOf(text) {
  const [hours, minutes] = text.split(":").map(Number);
  return hours * 60 + minutes;
}
