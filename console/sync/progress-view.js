// How far a run is, kept true while it goes on: in the dialog and on the run's own page.

import { h, put, said } from "../lib/dom.js";
import { at, clock, countdown, milliseconds, now, readable, relative, span, when } from "../lib/time.js";
import { count, number, visible, words } from "../lib/text.js";
import { hasEnded } from "../lib/live.js";
import { progressBar } from "../shell/meter.js";
import { pill } from "../shell/status.js";

/** Samples for the rate go back this far. */
const RECENT = 15_000;

/** A view with `element` and `show(run, how)`. */
export function progressView() {
  const bar = progressBar("Progress of the sync");
  const state = h("div", { class: "progress-state" });
  const share = h("span", { class: "number progress-share" });
  const doing = h("div", { class: "progress-doing" });
  const facts = h("dl", { class: "facts compact" });
  const connection = h("p", { class: "hint connection", role: "status" });
  const element = h(
    "div",
    { class: "progress-view" },
    h("div", { class: "progress-head" }, state, share),
    bar.element,
    doing,
    facts,
    connection,
  );
  const samples = [];
  let drawn = null;

  function show(run, how = "live") {
    const { progress } = run;
    remember(samples, progress.processed);
    if (drawn !== run.status) put(state, pill(run.status));
    drawn = run.status;
    const waits = ["queued", "paused", "parked"].includes(run.status);
    bar.show(progress.percentage, waits && progress.percentage === null);
    share.textContent = progress.percentage === null ? "" : `${progress.percentage} %`;
    put(doing, sentence(run));
    put(facts, rows(run, samples));
    const why = how === "lost" ? LOST : reason(run);
    if (connection.textContent !== why) connection.textContent = why;
  }
  return { element, show };
}

function remember(samples, processed) {
  const moment = Date.now();
  samples.push([moment, processed]);
  while (samples.length > 2 && moment - samples[0][0] > RECENT) samples.shift();
}

/** Entries a second of late. */
function rate(samples) {
  const [[began, from], [ended, to]] = [samples[0], samples.at(-1)];
  return ended - began > 800 && to > from ? ((to - from) / (ended - began)) * 1000 : null;
}

const LOST = "The connection was lost; trying again. The run goes on without it.";

/** Why it is where it is, if there is more to say than that it is under way: of a workspace run, its sources say it. */
function reason({ status, status_reason: why, source }) {
  if (!source && status === "running") return "";
  return why && !(status === "running" && why.startsWith("under way")) ? visible(readable(why)) : "";
}

function sentence(run) {
  const { progress } = run;
  if (run.status === "parked" || run.status === "paused") {
    const what = run.status === "parked" ? "Runs by itself" : "Goes on by itself";
    const until = run.resumes_at && at(run.resumes_at) > now() ? [" in ", countdown(run.resumes_at)] : [" in a moment"];
    return [what, until];
  }
  if (run.status === "queued") {
    return run.position ? `Waits for its turn, after about ${count(run.position, "other run")}` : "Waits for its turn";
  }
  if (run.status === "cancelling") return "Stopping at the next page";
  if (hasEnded(run)) return run.finished_at && ["Ended ", when(run.finished_at)];
  if (!run.source) return "Syncing its sources";
  const stage = words(progress.stage ?? "starting");
  return [stage, progress.current && [": ", said(progress.current, 120)]];
}

function rows(run, samples) {
  const { progress } = run;
  const found = [];
  const unit = progress.unit === "items" ? "Items" : words(progress.unit);
  found.push([unit, progress.total ? `${number(progress.processed)} of ${number(progress.total)}` : number(progress.processed)]);
  if (progress.page) found.push(["Page", number(progress.page)]);
  const speed = run.status === "running" ? rate(samples) : null;
  found.push(["Rate", speed === null ? "–" : `${speed < 10 ? speed.toFixed(1) : number(Math.round(speed))} a second`]);
  found.push(["Estimated end", ending(run)]);
  return found.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
}

/** "in about 2 min (± 20 s), at 14:03"; nothing rather than a guess. */
function ending(run) {
  if (hasEnded(run) || !run.estimated_completion) return "–";
  const moment = at(run.estimated_completion);
  const spread = milliseconds(run.estimated_spread);
  const far = moment - now();
  if (far < 1000) return "any moment";
  const off = spread >= 1000 ? ` (± ${span(spread)})` : "";
  return h("span", { title: `at ${clock(moment)}` }, `${relative(moment)}${off}`);
}
