// A line at the edge of every page that follows the run somebody began here, without asking again and again. It outlives
// turning to another page and loading the page anew.

import { get, part } from "../lib/api.js";
import { h, put, said } from "../lib/dom.js";
import { follow, hasEnded } from "../lib/live.js";
import { toRun } from "../lib/routes.js";
import { icon } from "../shell/icon.js";
import { progressBar } from "../shell/meter.js";
import { nameOf, pill } from "../shell/status.js";
import { at, countdown, now } from "../lib/time.js";
import { number } from "../lib/text.js";
import { verdict } from "./results.js";

const KEY = "pullcord-banner";
/** What has ended well goes away by itself. */
const STAYS = 8000;

let shown = null;

/** Follows a run in the banner; one that has ended is told of only if it was followed before. */
export function showBanner(run, name) {
  hideBanner();
  if (hasEnded(run)) return;
  sessionStorage.setItem(KEY, JSON.stringify({ id: run.id, name }));
  const bar = progressBar(`Progress of ${name}`);
  const text = h("span", { class: "banner-text" });
  const element = h(
    "aside",
    { class: "banner", "aria-label": "Sync status" },
    bar.element,
    h(
      "div",
      { class: "banner-line" },
      text,
      h("a", { class: "button small", href: toRun(run.id) }, "Details"),
      h("button", { type: "button", class: "quiet square", "aria-label": "Hide", onclick: hideBanner }, icon("close")),
    ),
  );
  document.body.append(element);
  document.body.classList.add("has-banner");
  const mine = { element, stop: () => {} };
  shown = mine;
  let drawn = "";
  mine.stop = follow(
    run.id,
    (found, how) => {
      bar.show(found.progress.percentage, ["queued", "paused", "parked"].includes(found.status));
      const words = line(found, how);
      // A countdown keeps itself; drawn anew it would only flicker.
      const signature = `${found.status}${how}${words.progress}${found.resumes_at}`;
      if (signature !== drawn)
        put(
          text,
          pill(found.status),
          h("span", { class: "banner-name" }, said(name, 60)),
          h("span", { class: "banner-what" }, words.parts),
        );
      drawn = signature;
      if (!hasEnded(found)) return;
      element.classList.add("ended");
      element.setAttribute("role", "status");
      sessionStorage.removeItem(KEY);
      if (found.status === "completed") setTimeout(() => shown === mine && hideBanner(), STAYS);
    },
    run,
  );
}

function line(run, how) {
  if (how === "lost") return { progress: "", parts: "The connection was lost; trying again" };
  if (hasEnded(run)) return { progress: "", parts: verdict(run) };
  if (run.resumes_at && ["paused", "parked"].includes(run.status) && at(run.resumes_at) > now())
    return { progress: "", parts: ["in ", countdown(run.resumes_at)] };
  const { percentage, processed } = run.progress;
  const progress =
    percentage === null
      ? processed
        ? `${number(processed)} ${run.progress.unit}`
        : nameOf(run.status) === "Queued"
          ? "waits for a worker"
          : ""
      : `${percentage} %`;
  return { progress, parts: progress };
}

export function hideBanner() {
  shown?.stop();
  shown?.element.remove();
  shown = null;
  sessionStorage.removeItem(KEY);
  document.body.classList.remove("has-banner");
}

/** Goes on with the run that was followed before the page was loaded anew. */
export async function recallBanner() {
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (!kept || shown) return;
  try {
    showBanner(await get(`/v1/runs/${part(kept.id)}`), kept.name);
  } catch {
    sessionStorage.removeItem(KEY);
  }
}
