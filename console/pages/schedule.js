// When a source syncs by itself: every so often or when some clock says so, in which hours not, and the times that it comes to.

import { call, isAbort, part, put as replace, remove } from "../lib/api.js";
import { announce, code, fill, fresh, h, put, said } from "../lib/dom.js";
import { milliseconds, readable, relative, at, inWords, span, zoned } from "../lib/time.js";
import { busy, button, choice, field, toast } from "../shell/busy.js";
import { selectField } from "../shell/list.js";

/** What is typed is tried out this long after the last key. */
const SOON = 300;

const UNITS = [
  ["minutes", 60_000],
  ["hours", 3_600_000],
  ["days", 86_400_000],
];
const RULES = [
  ["deny", "Not in these hours"],
  ["allow", "Only in these hours"],
];

/** A schedule in a few words. */
export function rhythm({ every, cron, timezone }) {
  return cron ? [code(cron), ", ", timezone] : `every ${span(milliseconds(every))}`;
}

const seconds = (value) => `PT${Math.round(value / 1000)}S`;
const input = (name, value, more = {}) => h("input", { name, value: value ?? "", autocomplete: "off", spellcheck: "false", ...more });
const pathOf = (source) => `/v1/sources/${part(source.id)}/schedule`;

/** The panel in which it is set; `signal` ends it. */
export function scheduleEditor(source, signal) {
  const heading = h("h2", { tabindex: "-1" }, "Schedule");
  const body = h("div", {});
  const draw = (schedule) => put(body, standing(schedule), editor(source, schedule, { signal, changed }));
  function changed(schedule, words) {
    draw(schedule);
    heading.focus();
    toast(words);
  }
  draw(source.schedule);
  return h("section", { class: "panel narrow", "aria-label": "Schedule" }, heading, body);
}

function standing(schedule) {
  if (!schedule) return h("p", { class: "hint standing" }, "It syncs when somebody asks, or its webhook does.");
  return h(
    "p",
    { class: "standing" },
    "It syncs by itself: ",
    rhythm(schedule),
    ". ",
    schedule.denied_now && h("span", { class: "hint" }, said(readable(schedule.denied_now), 200)),
  );
}

function editor(source, schedule, { signal, changed }) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const how = schedule ? (schedule.cron ? "cron" : "every") : "";
  const none = schedule ? [] : [["", "Only when it is asked to"]];
  const kind = selectField("It syncs", "rhythm", [...none, ["every", "Every so often"], ["cron", "When the clock says so"]], how);
  const beat = h("div", { class: "fields" });
  const windows = windowList(schedule?.windows ?? [], () => look());
  const zone = zoneField("Time zone", "timezone", schedule?.timezone ?? own, "Whose clock the hours are of.");
  const warm = choice("Warm a worker up half a minute before", "prewarm", "Worth it where a cold start would count.", {
    checked: schedule?.prewarm,
  });
  const more = h("div", { class: "fields" }, zone, windows.element, warm);
  const upcoming = h("div", { class: "upcoming", role: "status" });
  const complaint = h("div", { class: "complaint", role: "alert" });
  const save = h("button", { type: "submit", class: "primary" }, h("span", { class: "label" }, "Save the schedule"));
  const end = schedule && button("Remove the schedule", () => removed(), { class: "danger" });
  const actions = h("div", { class: "form-actions" }, save, end);
  const element = h("form", { novalidate: true }, field("It syncs", kind), beat, more, upcoming, complaint, actions);

  const turn = () => {
    put(beat, kind.value === "every" ? everyFields(schedule) : kind.value === "cron" ? cronField(schedule) : null);
    for (const one of [more, upcoming, actions]) one.hidden = kind.value === "";
  };
  const asked = () => {
    const values = new FormData(element);
    const text = (name) => (values.get(name) ?? "").trim();
    const often = Number(text("every")) * (UNITS.find(([name]) => name === text("unit"))?.[1] ?? 0);
    const when = kind.value === "every" ? { every: seconds(often) } : { cron: text("cron") };
    return { ...when, timezone: text("timezone") || "UTC", windows: windows.asked(text), prewarm: values.has("prewarm") };
  };

  let pending = null;
  let asking = null;
  /** Tries it out, so that its times and its mistakes are seen while it is typed. */
  function look() {
    clearTimeout(pending);
    asking?.abort();
    if (kind.value === "") return;
    pending = setTimeout(async () => {
      asking = new AbortController();
      try {
        const body = asked();
        const found = await call("PUT", pathOf(source), { query: { dryRun: true }, body, signal: asking.signal });
        excuse(element, complaint);
        put(upcoming, times(found));
      } catch (why) {
        if (isAbort(why) || signal.aborted) return;
        put(upcoming, h("p", { class: "hint" }, "Like this, it has no next times."));
        complain(element, complaint, why);
      }
    }, SOON);
  }
  async function saved() {
    clearTimeout(pending);
    asking?.abort();
    try {
      changed(await replace(pathOf(source), asked()), "It syncs by itself from now on.");
    } catch (why) {
      if (!isAbort(why)) complain(element, complaint, why)?.focus();
    }
  }
  async function removed() {
    await remove(pathOf(source));
    changed(null, "It syncs only when it is asked to.");
  }
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(save, saved);
  });
  kind.addEventListener("change", turn);
  element.addEventListener("input", look);
  signal.addEventListener("abort", () => {
    clearTimeout(pending);
    asking?.abort();
  });
  turn();
  if (schedule) put(upcoming, times(schedule));
  return element;
}

function everyFields(schedule) {
  const length = milliseconds(schedule?.every ?? "PT1H");
  const [unit, size] = UNITS.findLast(([, size]) => length % size === 0) ?? UNITS[0];
  const options = UNITS.map(([name]) => [name, name]);
  return h(
    "div",
    { class: "field-row" },
    field("Every", input("every", String(length / size), { type: "number", min: "0", step: "any" })),
    field("Unit", selectField("Unit", "unit", options, unit), "Counted from when it is saved."),
  );
}

const cronField = (schedule) =>
  field(
    "When",
    input("cron", schedule?.cron ?? "0 6 * * 1-5", { class: "mono" }),
    "Minute, hour, day of the month, month, day of the week: 0 6 * * 1-5 is six o'clock from Monday to Friday.",
  );

/** A time zone, with the names that the browser knows. */
function zoneField(label, name, value, hint) {
  const list = fresh("zones");
  const names = Intl.supportedValuesOf("timeZone").map((zone) => h("option", { value: zone }));
  return fill(field(label, input(name, value, { list, placeholder: "Europe/Oslo" }), hint), h("datalist", { id: list }, names));
}

/** Hours in which it may not begin, or may only then. */
function windowList(first, changed) {
  let rows = first;
  const place = h("div", {});
  const add = h("button", { type: "button", class: "small", onclick: more }, "Add hours");
  const element = h("fieldset", { class: "windows" }, h("legend", {}, "In which hours"), place, add);
  const read = (text) =>
    rows.map((_, index) => {
      const of = (name) => text(`windows[${index}].${name}`);
      const own = of("timezone");
      return {
        rule: of("rule"),
        cron: of("cron"),
        duration: seconds(Number(of("duration")) * 3_600_000),
        ...(own ? { timezone: own } : {}),
      };
    });
  // What was typed until now stays when a row comes or goes.
  const kept = () => read((name) => (element.querySelector(`[name="${name}"]`)?.value ?? "").trim());
  function draw() {
    put(
      place,
      rows.map((row, index) => windowFields(row, index, () => less(index))),
    );
  }
  function more() {
    rows = [...kept(), { rule: "deny", cron: "0 22 * * *", duration: "PT8H" }];
    draw();
    place.lastChild.querySelector("select").focus();
    changed();
  }
  function less(index) {
    rows = kept().toSpliced(index, 1);
    draw();
    announce("Removed");
    add.focus();
    changed();
  }
  draw();
  return { element, asked: read };
}

function windowFields({ rule, cron, duration, timezone }, index, less) {
  const name = (of) => `windows[${index}].${of}`;
  const which = `Hours ${index + 1}`;
  return h(
    "fieldset",
    { class: "window" },
    h("legend", { class: "unseen" }, which),
    h(
      "div",
      { class: "field-row" },
      field("Rule", selectField("Rule", name("rule"), RULES, rule)),
      field("From", input(name("cron"), cron, { class: "mono" }), "As above: 0 22 * * * is ten at night."),
      field("For so many hours", input(name("duration"), String(milliseconds(duration) / 3_600_000), { type: "number", min: "0", step: "any" })),
      field("Time zone, if another", input(name("timezone"), timezone)),
    ),
    h("button", { type: "button", class: "small", onclick: less, "aria-label": `Remove hours ${index + 1}` }, "Remove"),
  );
}

/** The next times, on the clock that they are of. */
function times({ upcoming, timezone, cron }) {
  const zone = cron ? timezone : undefined;
  return [
    h("h3", {}, "The next five times", zone && h("span", { class: "faint" }, ` in ${zone}`)),
    h(
      "ol",
      { class: "plain" },
      upcoming.map((time) => h("li", {}, h("time", { datetime: time }, zoned(at(time), zone)), h("span", { class: "faint" }, relative(at(time))))),
    ),
  ];
}

/** Takes back what was said to be wrong. */
function excuse(element, complaint) {
  put(complaint);
  for (const told of element.querySelectorAll(".told")) told.remove();
  for (const wrong of element.querySelectorAll("[aria-invalid]")) {
    wrong.removeAttribute("aria-invalid");
    const others = (wrong.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && !id.endsWith("-told"));
    if (others.length) wrong.setAttribute("aria-describedby", others.join(" "));
    else wrong.removeAttribute("aria-describedby");
  }
}

/** Says at each field what is wrong with it, and below what is wrong with all of it. The answer is the first of them. */
function complain(element, complaint, why) {
  excuse(element, complaint);
  const errors = why.body?.errors ?? [];
  const wrong = [];
  for (const { at: where, why: because } of errors) {
    const found = element.elements.namedItem(where);
    if (!(found instanceof HTMLElement)) continue;
    wrong.push(found);
    const id = `${found.id}-told`;
    found.setAttribute("aria-invalid", "true");
    found.setAttribute("aria-describedby", [found.getAttribute("aria-describedby"), id].filter(Boolean).join(" "));
    found.closest(".field").append(h("p", { class: "complaint told", id }, said(inWords(because), 300)));
  }
  const others = errors.filter(({ at: where }) => !(element.elements.namedItem(where) instanceof HTMLElement));
  if (others.length) put(complaint, others.map(({ at: where, why: because }) => h("p", {}, said(`The ${where} ${inWords(because)}`, 300))));
  else if (!errors.length) put(complaint, why.message);
  return wrong[0];
}
