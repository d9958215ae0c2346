// Runs as a list with a picture above it: of a source, or of everything in a workspace.

import { get } from "../lib/api.js";
import { h, put, said } from "../lib/dom.js";
import { keepQuery } from "../lib/router.js";
import { toRun, toSource } from "../lib/routes.js";
import { number } from "../lib/text.js";
import { at, now, span, when } from "../lib/time.js";
import { history } from "../shell/chart.js";
import { filters, pagedTable, searchField, selectField } from "../shell/list.js";
import { kindOf, pill, TRIGGERS, workOf } from "../shell/status.js";

const STATES = [
  ["", "Any outcome"],
  ["busy", "Under way or waiting"],
  ["good", "Completed"],
  ["warn", "With warnings"],
  ["bad", "Failed"],
  ["idle", "Cancelled"],
];
const PAGE = 100;

/** The picture, the filters and the list, in this order. */
export function runsList({ path, query, signal, ofWorkspace = false, none }) {
  let wanted = { outcome: query.get("outcome") ?? "", q: query.get("q") ?? "" };
  const picture = h("div", { class: "chart-place" });
  let drawn = 0;
  const table = pagedTable({
    label: "Runs",
    noun: "run",
    signal,
    none,
    columns: columns(ofWorkspace),
    fetchPage: async (cursor) => {
      const page = await get(path, { limit: PAGE, cursor }, signal);
      return { rows: page.runs, next: page.next_cursor };
    },
    matches: (run) => fits(run, wanted),
    onRows: (rows) => {
      if (ofWorkspace || drawn >= PAGE) return;
      drawn = rows.length;
      put(picture, history(rows));
    },
  });
  const search = filters(
    [
      searchField(ofWorkspace ? "Filter by source, person or id" : "Filter by person or id", "q", wanted.q),
      selectField("Outcome", "outcome", STATES, wanted.outcome),
    ],
    (values) => {
      wanted = values;
      keepQuery(values);
      table.refilter();
    },
  );
  return { parts: [picture, search, table.element], reload: table.reload };
}

function fits(run, { outcome, q }) {
  const kind = kindOf(run.status);
  if (outcome && outcome !== (kind === "wait" ? "busy" : kind)) return false;
  const words = q.trim().toLowerCase();
  return !words || [run.source, run.triggered_by, run.id, run.error?.code].filter(Boolean).join(" ").toLowerCase().includes(words);
}

const columns = (ofWorkspace) =>
  [
    {
      name: "Outcome",
      kind: "main",
      cell: (run) => [
        h("a", { href: toRun(run.id), class: "row-link" }, pill(run.status)),
        run.work !== "sync" && h("span", { class: "row-under" }, workOf(run)),
      ],
    },
    ofWorkspace && { name: "Source", cell: (run) => (run.source ? h("a", { href: toSource(run.source) }, said(run.source, 64)) : "all of them") },
    { name: "Begun", cell: (run) => when(run.created_at) },
    { name: "Took", kind: "number", cell: took },
    { name: "Changes", kind: "number", cell: (run) => changes(run) },
    { name: "Asked for", cell: (run) => h("span", {}, TRIGGERS[run.trigger] ?? run.trigger, ", ", said(run.triggered_by, 40)) },
  ].filter(Boolean);

function took(run) {
  if (!run.started_at) return "–";
  return span((run.finished_at ? at(run.finished_at) : now()) - at(run.started_at));
}

function changes({ results }) {
  const parts = [
    ["+", results.created],
    ["~", results.updated],
    ["−", results.deleted],
  ].filter(([, value]) => value > 0);
  if (!parts.length) return h("span", { class: "faint" }, "none");
  const title = `${results.created} created, ${results.updated} updated, ${results.deleted} deleted`;
  return h(
    "span",
    { title },
    h("span", { "aria-hidden": "true" }, parts.map(([sign, value]) => `${sign}${number(value)}`).join("  ")),
    h("span", { class: "unseen" }, title),
  );
}
