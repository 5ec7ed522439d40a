// Wall time in an IANA zone, by way of Intl. Days are "YYYY-MM-DD", instants are milliseconds.

const formats = new Map();

function formatFor(zone) {
  if (!formats.has(zone)) {
    formats.set(zone, new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit",
      minute: "2-digit",
    }));
  }
  return formats.get(zone);
}

/** The wall clock at an instant: { day, minutes } since midnight. */
export function wallAt(ms, zone) {
  const p = Object.fromEntries(formatFor(zone).formatToParts(ms).map(({ type, value }) => [type, value]));
  return { day: `${p.year}-${p.month}-${p.day}`, minutes: Number(p.hour) * 60 + Number(p.minute) };
}

/** The instant of a wall time. In a gap of the clock it is as much later as the gap is long. */
export function instantOf(day, minutes, zone) {
  const wanted = Date.parse(day + "T00:00:00Z") + minutes * 60_000;
  const offsetAt = (ms) => {
    const w = wallAt(ms, zone);
    return Date.parse(w.day + "T00:00:00Z") + w.minutes * 60_000 - Math.floor(ms / 60_000) * 60_000;
  };
  const first = wanted - offsetAt(wanted);
  return wanted - offsetAt(first);
}

export const clockText = (minutes) =>
  `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;

/** "GMT+1", as calendars label their time column. */
export function zoneLabel(ms, zone) {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "shortOffset" }).formatToParts(ms);
  return parts.find((p) => p.type === "timeZoneName")?.value ?? zone;
}

const named = (options) => {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  return (day) => format.format(Date.parse(day + "T00:00:00Z"));
};

export const shortWeekday = named({ weekday: "short" });
export const fullDay = named({ weekday: "long", day: "numeric", month: "long" });
export const monthYear = named({ month: "long", year: "numeric" });
export const shortMonth = named({ month: "short" });
