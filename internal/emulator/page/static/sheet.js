// The bottom sheet in which a Flow runs: title bar, screen, Footer, loading and error states, snackbar.

import { draw, footerOf } from "./components.js";
import { resolve } from "./bind.js";
import { h, icons } from "./dom.js";
import { FlowRun } from "./flow.js";

const snackbarMs = 7000;

export class Sheet {
  #host;
  #run;
  #root;
  #panel = null;
  #shown = null;
  #ui;
  #opener;
  #depth;
  #pendingFocus = null;
  #pressed = false;
  #open = new AbortController(); // its signal ends what listens to the window

  /** on: { finished(params), dead() }: dead means that the message's button opens nothing any more (427). */
  constructor(host, { flow, token, transport, today, business }, on) {
    this.#host = host;
    this.on = on;
    this.business = business;
    this.#opener = document.activeElement;
    this.#run = new FlowRun(flow, token, transport, {
      changed: () => this.#draw(),
      finished: (params) => this.#finish(params),
      message: (text) => this.#snack(text),
    });
    this.#ui = {
      today, months: new Map(), touched: new Set(),
      redraw: () => this.#drawWhenReleased(),
      panel: (title, build) => this.#openPanel(title, build),
    };
    this.#build();
    this.#run.open();
  }

  #build() {
    this.title = h("h2", { id: "sheet-title" }, "");
    this.left = h("button", { type: "button", class: "round", "aria-label": "Close", onclick: () => this.#leave() },
      icons.close());
    this.progress = h("div", { class: "progress", role: "progressbar", "aria-label": "Loading" });
    this.body = h("div", { class: "sheet-body" });
    this.footer = h("div", { class: "sheet-footer" });
    this.snackbar = h("div", { class: "snackbar", role: "alert" });
    const lock = h("span", { class: "round ghost", "aria-hidden": "true" }, icons.lock());
    const sheet = h("section", {
      class: "sheet", role: "dialog", "aria-modal": "true", "aria-labelledby": "sheet-title", tabindex: "-1",
    },
    h("header", { class: "sheet-bar" }, this.left, this.title, lock),
    this.progress, this.body, this.snackbar, this.footer);
    this.#root = h("div", {
      class: "sheet-layer", onkeydown: (e) => this.#keys(e), onpointerdown: () => (this.#pressed = true),
    }, h("div", { class: "scrim" }), sheet);
    this.#host.append(this.#root);
    const { signal } = this.#open;
    for (const release of ["pointerup", "pointercancel"]) {
      addEventListener(release, () => (this.#pressed = false), { signal });
    }
    sheet.focus();
  }

  #keys(event) {
    if (event.key === "Escape") {
      event.stopPropagation();
      if (this.#panel) this.#closePanel();
      else this.#leave();
    }
    if (event.key === "Enter" && event.target.matches("input[type=text], input[type=tel], input[type=email]")) {
      event.preventDefault();
      this.footer.querySelector("button")?.click();
    }
    if (event.key === "Tab") this.#holdFocus(event);
  }

  /** Tab stays inside the sheet while it is open. */
  #holdFocus(event) {
    const inside = [...this.#root.querySelectorAll("button, input, textarea")]
      .filter((el) => !el.disabled && el.tabIndex >= 0 && el.offsetParent);
    const edge = event.shiftKey ? inside[0] : inside.at(-1);
    if (inside.length === 0 || document.activeElement !== edge) return;
    event.preventDefault();
    (event.shiftKey ? inside.at(-1) : inside[0]).focus();
  }

  #leave() {
    if (this.#run.stack.length > 1 && !this.#run.error) this.#run.back();
    else this.close();
  }

  close() {
    if (!this.#root) return;
    const root = this.#root;
    this.#root = null;
    this.#open.abort();
    root.classList.add("leaving");
    const gone = () => root.remove();
    root.addEventListener("animationend", gone, { once: true });
    setTimeout(gone, 400);
    this.#opener?.focus?.();
  }

  #finish(params) {
    this.close();
    this.on.finished(params);
  }

  /** Draws the state anew, keeping scroll position and focus where the screen stayed the same. */
  #draw() {
    if (!this.#root) return;
    const run = this.#run;
    this.progress.classList.toggle("on", run.busy);
    this.#root.classList.toggle("busy", run.busy);
    if (run.busy) this.#snack("");
    if (run.error) return this.#drawError(run.error);
    if (!run.current) return this.#drawWaiting();

    const same = this.#shown === run.current.id;
    const focus = this.#rememberFocus() ?? this.#pendingFocus;
    const scroll = this.body.scrollTop;
    const forward = !same && this.#depth !== undefined && run.stack.length > this.#depth;
    const backward = !same && this.#depth !== undefined && run.stack.length < this.#depth;
    this.#depth = run.stack.length;
    if (!same) this.#ui.touched.clear();
    this.#shown = run.current.id;
    this.title.textContent = resolve(run.screen.title ?? "", run.scope);
    this.#setLeft(run.stack.length > 1);
    const motion = forward ? "from-right" : backward ? "from-left" : "";
    const content = h("div", { class: `screen ${motion}`, "data-screen": run.current.id },
      draw(run.screen.layout.children, { run, errors: {}, ui: this.#ui }));
    this.body.replaceChildren(content);
    this.#drawFooter();
    this.body.scrollTop = same ? scroll : 0;
    if (same) this.#restoreFocus(focus);
    if (!this.#root.contains(document.activeElement)) this.#root.querySelector(".sheet").focus({ preventScroll: true });
  }

  /**
   * Draws, but not between a press and its release: the pressed control would be replaced and its click lost. A field
   * that loses the focus by a press asks for a drawing exactly then.
   */
  #drawWhenReleased() {
    if (!this.#pressed) return this.#draw();
    addEventListener("pointerup", () => setTimeout(() => this.#draw()), { once: true, signal: this.#open.signal });
  }

  #setLeft(canGoBack) {
    this.left.replaceChildren(canGoBack ? icons.back() : icons.close());
    this.left.setAttribute("aria-label", canGoBack ? "Back" : "Close");
  }

  #drawFooter() {
    const run = this.#run;
    const footer = footerOf(run.screen.layout.children, run.scope);
    if (!footer) return this.footer.replaceChildren();
    const enabled = resolve(footer.enabled ?? true, run.scope) !== false && run.complete() && !run.busy;
    const captions = ["left-caption", "center-caption", "right-caption"]
      .map((key) => resolve(footer[key] ?? "", run.scope));
    this.footer.replaceChildren(
      captions.some(Boolean) ? h("div", { class: "captions" }, captions.map((c) => h("span", {}, c))) : "",
      h("button", {
        type: "button", class: `primary ${run.busy ? "working" : ""}`, disabled: !enabled, "data-focus": "footer",
        onclick: () => run.act(footer["on-click-action"]),
      }, h("span", {}, resolve(footer.label ?? "", run.scope))),
      h("p", { class: "managed" }, `Managed by ${this.business}`));
  }

  #drawWaiting() {
    this.title.textContent = "";
    this.body.replaceChildren(h("div", { class: "waiting", "aria-label": "Loading" },
      ["w40", "w70", "row", "row", "row"].map((c) => h("div", { class: `bone ${c}` }))));
    this.footer.replaceChildren();
  }

  #drawError(error) {
    this.#closePanel();
    this.#setLeft(false);
    this.#shown = null;
    this.body.replaceChildren(h("div", { class: "failure", role: "alert" },
      h("span", { class: "failure-mark" }, icons.alert()),
      h("p", { class: "failure-text" }, error.text),
      error.detail && h("p", { class: "failure-detail" }, error.detail)));
    const press = error.retry ? error.again : () => this.close();
    const button = h("button", { type: "button", class: "primary", onclick: press },
      h("span", {}, error.retry ? "Retry" : "Close"));
    this.footer.replaceChildren(button);
    button.focus();
    if (error.closes) this.on.dead();
  }

  #rememberFocus() {
    const el = document.activeElement;
    if (!this.#root.contains(el) || !el.dataset?.focus) return null;
    return { key: el.dataset.focus, start: el.selectionStart, end: el.selectionEnd };
  }

  #restoreFocus(focus) {
    if (!focus) return;
    const el = [...this.#root.querySelectorAll("[data-focus]")].find((e) => e.dataset.focus === focus.key);
    if (!el) return;
    // A control that is disabled while a request runs gets its focus back afterwards.
    this.#pendingFocus = el.disabled ? focus : null;
    el.focus({ preventScroll: true });
    if (focus.start != null && el.type !== "email") el.setSelectionRange?.(focus.start, focus.end);
  }

  #openPanel(title, build) {
    this.#closePanel();
    const opener = document.activeElement?.dataset?.focus;
    const content = h("div", { class: "panel-body" });
    const close = () => this.#closePanel();
    const redraw = () => content.replaceChildren(build(close, redraw));
    redraw();
    this.#panel = h("div", { class: "panel-layer" },
      h("div", { class: "scrim", onclick: close }),
      h("div", { class: "panel", role: "dialog", "aria-modal": "true", "aria-label": title },
        h("header", { class: "panel-bar" }, h("h3", {}, title),
          h("button", { type: "button", class: "round", "aria-label": "Close", onclick: close }, icons.close())),
        content));
    this.#panel.opener = opener;
    this.#root.querySelector(".sheet").append(this.#panel);
    const chosen = content.querySelector("[aria-selected=true], [aria-pressed=true]");
    (chosen ?? content.querySelector("button:not(:disabled)"))?.focus();
  }

  #closePanel() {
    if (!this.#panel) return;
    const { opener } = this.#panel;
    this.#panel.remove();
    this.#panel = null;
    this.#root?.querySelector(`[data-focus="${CSS.escape(opener ?? "")}"]`)?.focus();
  }

  #snack(text) {
    clearTimeout(this.snackTimer);
    this.snackbar.textContent = text;
    this.snackbar.classList.toggle("on", text !== "");
    if (text !== "") this.snackTimer = setTimeout(() => this.#snack(""), snackbarMs);
  }
}
