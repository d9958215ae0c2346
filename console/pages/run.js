// One run: how far it is or what it came to, why it failed and what to do next, and its whole life as it is on record.

import { get, part } from "../lib/api.js";
import { mayRun, rightToSync, whyNot } from "../lib/config.js";
import { code, h, put, said } from "../lib/dom.js";
import { follow, hasEnded } from "../lib/live.js";
import { go } from "../lib/router.js";
import { toRun, toSource, toWorkspace } from "../lib/routes.js";
import { number, words } from "../lib/text.js";
import { at, exact, precise, readable, span, when } from "../lib/time.js";
import { button } from "../shell/busy.js";
import { pageHead, showCrumbs } from "../shell/frame.js";
import { offer } from "../shell/palette.js";
import { pill, TRIGGERS, workOf } from "../shell/status.js";
import { askAgain } from "../sync/again.js";
import { childrenOf } from "../sync/children.js";
import { progressView } from "../sync/progress-view.js";
import { againLabel, canRetry, summary, verdict } from "../sync/results.js";
import { cancelRun } from "../sync/trigger.js";
import { workspaceOf } from "./look.js";

export default async function runPage(context) {
  const { main, params, signal } = context;
  const first = await get(`/v1/runs/${part(params.run)}`, {}, signal);
  const workspace = await workspaceOf(first.workspace, signal);
  const may = mayRun(workspace.role, first);
  const name = first.source ?? workspace.name;
  context.title(`${workOf(first)} of ${name}`);
  showCrumbs([
    ["Workspaces", "/"],
    [workspace.name, toWorkspace(workspace.slug)],
    ...(first.source ? [[first.source, toSource(first.source)], ["Run"]] : [["Run"]]),
  ]);
  offer([], { workspace: workspace.slug, source: first.source });
  const head = h("div", {});
  const view = progressView();
  const panel = h("section", { class: "panel", "aria-label": "What it came to" });
  const details = h("section", { class: "panel", "aria-label": "Facts" });
  const line = h("section", { class: "panel", "aria-label": "On record" });
  const family = first.source ? null : childrenOf(first.id);
  const sources = family && h("section", { class: "panel", "aria-label": "Sources" }, h("h2", {}, "Its sources"), family.element);
  put(main, head, panel, sources, h("div", { class: "run-columns" }, line, details));

  let drawn = null;
  let version = null;
  function show(run, how) {
    const ended = hasEnded(run);
    family?.show(run);
    if (drawn !== run.status) {
      put(
        head,
        pageHead([workOf(run), " of ", said(name, 80)], {
          under: [pill(run.status), when(run.created_at), code(run.id)],
          actions: actions(run, may, workspace.role),
        }),
      );
      put(panel, ended ? [h("p", { class: "verdict-line" }, verdict(run)), summary(run)] : view.element);
      drawn = run.status;
      record(run);
    }
    if (!ended) view.show(run, how);
    put(details, h("h2", {}, "Facts"), facts(run));
  }
  async function record(run) {
    version = run.version;
    const { audit } = await get(`/v1/runs/${part(run.id)}/audit`, {}, signal);
    if (version === run.version) put(line, h("h2", {}, "On record"), timeline(audit));
  }
  put(line, h("h2", {}, "On record"));
  signal.addEventListener("abort", follow(first.id, show, first));
  signal.addEventListener("abort", () => family?.stop());
}

function actions(run, may, role) {
  if (!may) return [h("p", { class: "why-not" }, whyNot(role, rightToSync(run.kind), "cancel or retry it"))];
  if (!hasEnded(run)) return run.status === "cancelling" ? [] : [button("Cancel", () => cancelRun(run.id), { class: "cancel" })];
  if (!canRetry(run)) return [];
  return [
    button(againLabel(run), () => askAgain(run, role, { done: ({ id }) => go(toRun(id)), watch: (id) => go(toRun(id)) }), {
      class: run.status === "failed" ? "primary" : "",
    }),
  ];
}

function facts(run) {
  const took = run.started_at && run.finished_at ? span(at(run.finished_at) - at(run.started_at)) : null;
  const rows = [
    ["Asked for", [TRIGGERS[run.trigger] ?? run.trigger, ", ", said(run.triggered_by, 60)]],
    run.reason && ["Why", said(run.reason, 300)],
    ["Begun", run.started_at ? when(run.started_at) : "not yet"],
    run.finished_at && ["Ended", when(run.finished_at)],
    took && ["Took", took],
    ["Workers so far", number(run.epoch)],
    ["Requests", [number(run.calls.made), run.calls.not_modified > 0 && `, ${number(run.calls.not_modified)} of them unchanged`]],
  ];
  const by = Object.entries(run.calls.by);
  return [
    h(
      "dl",
      { class: "facts stacked" },
      rows.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
    by.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, "Requests by endpoint"),
        h(
          "ul",
          { class: "plain" },
          by.map(([what, times]) => h("li", {}, code(what), h("span", { class: "number" }, number(times)))),
        ),
      ),
  ];
}

const TOLD = {
  "run.created": "Asked for",
  "run.claimed": "A worker took it",
  "run.ended": "Ended",
  "run.paused": "Paused",
  "run.handed_over": "Handed to the next worker",
  "run.revived": "Revived",
  "run.cancelled": "Cancelled",
  "run.cancel_requested": "Cancelling was asked for",
  "run.retried": "A request was tried again",
  "run.parked": "Parked",
};

/** The audit as a line of time: what happened, when, after how long, by whom, on which facts. */
function timeline(audit) {
  const began = audit.length ? at(audit[0].at) : 0;
  return h(
    "ol",
    { class: "timeline" },
    audit.map((entry, index) => {
      const since = at(entry.at) - began;
      const facts = Object.entries(entry.facts);
      return h(
        "li",
        {},
        h(
          "div",
          { class: "timeline-head" },
          h("strong", {}, said(TOLD[entry.what] ?? words(entry.what.replace(/^\w+\./u, "")), 80)),
          h("time", { datetime: entry.at, title: exact(at(entry.at)) }, index ? `+${span(since)}` : precise(at(entry.at))),
          h("span", { class: "faint" }, said(entry.who, 60)),
          entry.count > 1 && h("span", { class: "badge" }, `${number(entry.count)} times`),
        ),
        facts.length > 0 &&
          h(
            "dl",
            { class: "small-facts" },
            facts.map(([name, value]) =>
              h("div", {}, h("dt", {}, said(name.replaceAll("_", " "), 40)), h("dd", {}, said(readable(value), 200))),
            ),
          ),
      );
    }),
  );
}
