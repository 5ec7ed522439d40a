// Starts the page: one session, a phone, the wire drawer, the calendars, and the stream that keeps them live.

import { Agenda } from "./agenda.js";
import { api, h } from "./dom.js";
import { Phone } from "./phone.js";
import { Wire } from "./wire.js";
import { clockText, wallAt } from "./zone.js";

const dayMs = 86_400_000;
const at = (id) => document.getElementById(id);

/** The demo's clock, which need not be this machine's; wall time is that of the business. */
function clockOf(session) {
  const ahead = Date.parse(session.now) - Date.now();
  const zone = session.calendars[0]?.zone ?? "UTC";
  const now = () => Date.now() + ahead;
  return { now, today: () => wallAt(now(), zone).day, time: () => clockText(wallAt(now(), zone).minutes) };
}

function start(session) {
  const clock = clockOf(session);
  at("business").textContent = session.business;
  const wire = new Wire(at("wire"));
  new Phone(at("phone"), session, clock, (entry) => wire.add(entry));

  const path = (key, id) => `api/calendars/${encodeURIComponent(key)}/events${id ? "/" + encodeURIComponent(id) : ""}`;
  const refreshed = (request) => request.then((answer) => load().then(() => answer));
  const actions = {
    draw: (key, event) => refreshed(api(path(key), { method: "POST", body: event })),
    setBusy: (key, id, busy) => refreshed(api(path(key, id), { method: "PATCH", body: { busy } })),
    erase: (key, id) => refreshed(api(path(key, id), { method: "DELETE" })),
  };
  const agendas = session.calendars.map((info) => new Agenda(at("calendars"), info, clock, actions));

  const load = async () => {
    const from = new Date(clock.now() - 60 * dayMs).toISOString();
    const to = new Date(clock.now() + 180 * dayMs).toISOString();
    const { calendars } = await api(`api/events?${new URLSearchParams({ from, to })}`);
    for (const agenda of agendas) agenda.show(calendars[agenda.info.key] ?? []);
  };
  follow(agendas, debounced(load));
}

/** Follows the server's stream. After a gap everything is read again. */
function follow(agendas, load) {
  const live = at("live");
  const state = (text, on) => {
    live.textContent = text;
    live.classList.toggle("on", on);
  };
  const stream = new EventSource("api/stream");
  stream.addEventListener("open", () => {
    state("live", true);
    load();
  });
  stream.addEventListener("changed", load);
  stream.addEventListener("freshness", (event) => {
    const { mirrored } = JSON.parse(event.data);
    for (const agenda of agendas) {
      if (mirrored[agenda.info.key]) agenda.freshness(Date.parse(mirrored[agenda.info.key]));
    }
  });
  stream.addEventListener("error", () => state("connecting", false));
}

/** Runs a load soon; what arrives meanwhile is covered by one more. */
function debounced(load) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => load().catch(() => {}), 80);
  };
}

api("api/session").then(start, (error) => {
  at("calendars").append(h("p", { class: "fatal", role: "alert" }, error.message));
});
