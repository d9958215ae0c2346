// What is on record in a workspace: who did what, when, on which facts.

import { get, part } from "../lib/api.js";
import { h, put, said } from "../lib/dom.js";
import { keepQuery } from "../lib/router.js";
import { toRun, toSource } from "../lib/routes.js";
import { count, words } from "../lib/text.js";
import { readable, when } from "../lib/time.js";
import { empty, filters, pagedTable, searchField } from "../shell/list.js";
import { forAdmins, workspaceHead, workspaceOf } from "./look.js";

export default async function audit(context) {
  const { main, params, query, signal } = context;
  const workspace = await workspaceOf(params.workspace, signal);
  if (!forAdmins(context, workspace, "Audit", "read the audit of a workspace")) return;
  let wanted = (query.get("q") ?? "").toLowerCase();
  const table = pagedTable({
    label: "Audit",
    noun: "line",
    signal,
    columns: COLUMNS,
    fetchPage: async (cursor) => {
      const page = await get(`/v1/workspaces/${part(workspace.slug)}/audit`, { limit: 100, cursor }, signal);
      return { rows: page.audit, next: page.next_cursor };
    },
    matches: (line) =>
      !wanted || [line.who, line.what, line.source, ...Object.values(line.facts)].filter(Boolean).join(" ").toLowerCase().includes(wanted),
    none: () =>
      empty("Nothing is on record yet", "Every trigger, refusal, cancellation and change of settings stands here for ninety days."),
  });
  const search = filters([searchField("Filter by person, source, or what happened", "q", query.get("q") ?? "")], ({ q }) => {
    wanted = q.trim().toLowerCase();
    keepQuery({ q });
    table.refilter();
  });
  put(main, workspaceHead(context, workspace, "Audit"), search, table.element);
  await table.reload();
}

const COLUMNS = [
  { name: "When", cell: (line) => when(line.at) },
  { name: "Who", cell: (line) => said(line.who, 60) },
  {
    name: "What",
    kind: "main",
    cell: (line) => [
      said(words(line.what.replaceAll(".", ": ")), 80),
      line.count > 1 && h("span", { class: "badge" }, count(line.count, "time")),
    ],
  },
  {
    name: "Where",
    cell: (line) => [
      line.source && h("a", { href: toSource(line.source) }, said(line.source, 64)),
      line.run && [line.source && ", ", h("a", { href: toRun(line.run) }, "run")],
    ],
  },
  {
    name: "Facts",
    kind: "wide",
    cell: (line) =>
      h(
        "dl",
        { class: "small-facts" },
        Object.entries(line.facts).map(([name, value]) =>
          h("div", {}, h("dt", {}, said(name.replaceAll("_", " "), 40)), h("dd", {}, said(readable(value), 160))),
        ),
      ),
  },
];
