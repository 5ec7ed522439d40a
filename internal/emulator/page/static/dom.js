// A few helpers over the DOM. Text always goes in as text nodes, never as HTML: what the endpoint and the calendars say
// is data.

/**
 * Makes an element. props: "class", "on…" listeners, "style" as an object (set through the CSSOM, because the page's
 * policy forbids style attributes), true/false for boolean attributes; anything else becomes an attribute. null and
 * undefined are left out, both as props and as children.
 */
export function h(tag, props = {}, ...children) {
  const el = tag === "svg" || tag === "path" || tag === "circle" || tag === "rect"
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2).toLowerCase(), value);
    else if (name === "style") for (const [k, v] of Object.entries(value)) el.style.setProperty(k, v);
    else if (name === "value" || name === "checked") el[name] = value;
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children.flat(Infinity).filter((c) => c != null && c !== false));
  return el;
}

/** An icon from stroke paths on a 24 × 24 grid. It is decoration: the control around it carries the label. */
export function icon(...paths) {
  return h("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, paths.map((d) => h("path", { d })));
}

export const icons = {
  back: () => icon("M19 12H5", "M11 18l-6-6 6-6"),
  close: () => icon("M6 6l12 12", "M18 6L6 18"),
  left: () => icon("M14.5 6l-6 6 6 6"),
  right: () => icon("M9.5 6l6 6-6 6"),
  down: () => icon("M6 9.5l6 6 6-6"),
  calendar: () => icon("M4 6h16v14H4z", "M4 10h16", "M8 3v4", "M16 3v4"),
  check: () => icon("M5 12.5l4.5 4.5L19 7.5"),
  checks: () => icon("M2 12.5l4 4L14.5 8", "M10.5 15.5l1 1L20 8"),
  send: () => icon("M4 12l16-7-6 16-3-7z", "M11 14l9-9"),
  lock: () => icon("M6 11h12v9H6z", "M9 11V8a3 3 0 016 0v3"),
  alert: () => icon("M12 4l9 16H3z", "M12 10v4", "M12 17v.5"),
  trash: () => icon("M5 7h14", "M9 7V4h6v3", "M7 7l1 13h8l1-13"),
  video: () => icon("M3 7h12v10H3z", "M15 11l6-3v8l-6-3"),
  phone: () => icon("M5 4h4l2 5-2.5 1.5a11 11 0 005 5L15 13l5 2v4a1 1 0 01-1 1A15 15 0 014 5a1 1 0 011-1z"),
  expand: () => icon("M6 14l6-6 6 6"),
};

/** Moves the focus on by step among the given elements, wrapping around: arrow keys in groups. */
export function roveFocus(elements, step) {
  const at = elements.indexOf(document.activeElement);
  elements[(at + step + elements.length) % elements.length]?.focus();
}

/** Fetches JSON from this page's own server; an error carries the server's text. */
export async function api(path, options = {}) {
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const response = await fetch(path, { ...options, headers, body, cache: "no-store" });
  const text = await response.text();
  let answer = null;
  try {
    answer = text === "" ? null : JSON.parse(text);
  } catch {
    // Not JSON: the status says enough.
  }
  if (!response.ok) throw new Error(answer?.error ?? `The server answered ${response.status}.`);
  return answer;
}
