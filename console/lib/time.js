// Time as the server has it, durations, and elements that keep telling how long ago something was.

import { h } from "./dom.js";

let skew = 0;

/** Learns from a reply how far this machine's clock is off. */
export function learn(date) {
  const theirs = Date.parse(date ?? "");
  if (Number.isNaN(theirs)) return;
  const off = theirs + 500 - Date.now();
  // A date has whole seconds and was on its way: less than two are no difference.
  skew = Math.abs(off) > 2000 ? off : 0;
}

export const now = () => Date.now() + skew;
export const at = (text) => Date.parse(text);

const PARTS = /^P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/u;

/** Milliseconds of an ISO 8601 duration. */
export function milliseconds(text) {
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = PARTS.exec(text ?? "") ?? [];
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

/** "840 ms", "12 s", "3 min 20 s", "2 h 5 min", "4 d". */
export function span(left) {
  if (left < 950) return `${Math.max(0, Math.round(left))} ms`;
  const seconds = left / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const [s, m, hours] = [Math.round(seconds), Math.floor(Math.round(seconds) / 60), Math.floor(seconds / 3600)];
  if (s < 60) return `${s} s`;
  if (m < 60) return m < 10 && s % 60 ? `${m} min ${s % 60} s` : `${m} min`;
  if (hours < 48) return m % 60 && hours < 10 ? `${hours} h ${m % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

/** "4:05", or "1:04:05": for what counts down. */
function ticking(left) {
  const all = Math.max(0, Math.ceil(left / 1000));
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** "3 min ago", "in 2 h". */
export function relative(moment, from = now()) {
  const off = moment - from;
  const far = Math.abs(off);
  if (far < 5000) return off > 0 ? "in a moment" : "just now";
  const size = far < 60_000 ? `${Math.round(far / 1000)} s` : far < 3_570_000 ? `${Math.round(far / 60_000)} min` : coarse(far);
  return off > 0 ? `in ${size}` : `${size} ago`;
}

function coarse(far) {
  const hours = Math.round(far / 3_600_000);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

const whole = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });
const clockOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const preciseOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const dayOf = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
export const exact = (moment) => whole.format(moment);
export const clock = (moment) => clockOf.format(moment);
export const precise = (moment) => preciseOf.format(moment);
const day = (moment) => dayOf.format(moment);

/** "Mon 23 Nov, 06:00" on the clock of some place; on this one's where none is named, or it is not known here. */
export function zoned(moment, timeZone) {
  const options = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  try {
    return new Intl.DateTimeFormat("en-GB", { ...options, timeZone }).format(moment);
  } catch {
    return new Intl.DateTimeFormat("en-GB", options).format(moment);
  }
}

const DURATIONS = /\bP(?:\d+D)?(?:T(?:\d+[HMS])+)?(?=\W|$)/gu;

/** A sentence of the API with its durations as people say them. */
export const inWords = (text) => text.replace(DURATIONS, (duration) => (milliseconds(duration) ? span(milliseconds(duration)) : duration));

/** How long ago, kept true; the exact time is its title. */
export function when(text, none = "never") {
  if (!text) return h("span", { class: "faint" }, none);
  return h("time", { datetime: text, title: exact(at(text)), "data-relative": true }, relative(at(text)));
}

const MOMENTS = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/gu;

/** A sentence of the API with its times as a clock on the wall has them, and the day where it is another one. */
export function readable(text) {
  return text.replace(MOMENTS, (moment) =>
    day(at(moment)) === day(now()) ? clock(at(moment)) : `${day(at(moment))}, ${clock(at(moment))}`,
  );
}

/** What is left until a moment, second by second. `done` is called once, when nothing is. */
export function countdown(text, done) {
  const element = h("span", { class: "countdown", role: "timer", title: exact(at(text)) }, ticking(at(text) - now()));
  const timer = setInterval(() => {
    if (!document.contains(element)) return clearInterval(timer);
    const left = at(text) - now();
    element.textContent = ticking(left);
    if (left <= 0) {
      clearInterval(timer);
      done?.();
    }
  }, 250);
  return element;
}

/** Keeps all relative times on the page true. */
export function keepTime() {
  setInterval(() => {
    for (const element of document.querySelectorAll("time[data-relative]")) {
      const told = relative(at(element.dateTime));
      if (element.textContent !== told) element.textContent = told;
    }
  }, 5000);
}
