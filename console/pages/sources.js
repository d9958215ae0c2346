// The sources of a workspace: how each is, how fresh, what is left of its quota, and the cord beside it.

import { get, part } from "../lib/api.js";
import { isAdmin, may, roles, whoMay } from "../lib/config.js";
import { code, h, put, said } from "../lib/dom.js";
import { keepQuery } from "../lib/router.js";
import { toSource, toWorkspace } from "../lib/routes.js";
import { number } from "../lib/text.js";
import { at, now, when } from "../lib/time.js";
import { filters, empty, pagedTable, searchField, selectField } from "../shell/list.js";
import { gauge } from "../shell/meter.js";
import { pill } from "../shell/status.js";
import { manualSyncButton, syncAllButton } from "../sync/manual-sync-button.js";
import { whenBegun } from "../sync/trigger.js";
import { where, workspaceHead, workspaceOf } from "./look.js";
import { openNewSource } from "./new-source.js";

/** Looked at anew this often, sooner while something runs. */
const QUIET = 60_000;
const BUSY = 5000;

export default async function sources(context) {
  const { main, params, query, signal } = context;
  const workspace = await workspaceOf(params.workspace, signal);
  const { role, slug } = workspace;
  let all = [];
  let wanted = { q: query.get("q") ?? "", status: query.get("status") ?? "" };
  const add = () => openNewSource(workspace, context.turn);
  const commands = [
    isAdmin(role) && { title: "New source", key: "n", run: add },
    may(role, "sync_workspace") && { title: `Sync all of ${workspace.name}`, key: null, run: () => document.querySelector(".sync-all")?.click() },
  ].filter(Boolean);
  const table = pagedTable({
    label: "Sources",
    noun: "source",
    signal,
    columns: columns(role),
    fetchPage: async () => {
      all = (await get(`/v1/workspaces/${part(slug)}/sources`, {}, signal)).sources;
      return { rows: all, next: null };
    },
    matches: (source) => fits(source, wanted),
    none: () => none(workspace, add),
  });
  const search = filters(
    [searchField("Filter by name, id or repository", "q", wanted.q), selectField("State", "status", STATES, wanted.status)],
    (said) => {
      wanted = said;
      keepQuery(said);
      table.refilter();
    },
  );
  const actions = [isAdmin(role) && h("button", { type: "button", onclick: add }, "New source"), syncAllButton(workspace)];
  put(main, workspaceHead(context, workspace, "", { actions, commands }), search, table.element);
  const syncers = new Set(["sync_issues", "sync_documents"].flatMap(whoMay));
  if (!syncers.has(role))
    search.after(
      h(
        "p",
        { class: "why-not" },
        `You are a ${role} here, who may look: syncing takes a ${roles().find((one) => syncers.has(one))} or above.`,
      ),
    );
  await table.reload();
  keepFresh({
    signal,
    isBusy: () => all.some((source) => source.status === "syncing"),
    refresh: () => freshen(slug, signal, all, table.element, columns(role)),
  });
}

const STATES = [
  ["", "Any state"],
  ["syncing", "Syncing"],
  ["synced", "Synced"],
  ["error", "Failed"],
  ["never_synced", "Never synced"],
  ["held", "Something held back"],
  ["stalled", "Stalled"],
];

function fits(source, { q, status }) {
  const words = q.trim().toLowerCase();
  const text = [source.name, source.id, source.repository, source.provider].filter(Boolean).join(" ").toLowerCase();
  if (words && !words.split(/\s+/u).every((word) => text.includes(word))) return false;
  if (status === "held") return source.held_deletions > 0;
  if (status === "stalled") return source.stalled;
  return !status || source.status === status;
}

const columns = (role) => [
  {
    name: "Source",
    kind: "main",
    cell: (source) => [
      h("a", { href: toSource(source.id), class: "row-link", "data-source": source.id }, said(source.name, 80)),
      h("span", { class: "row-under" }, where(source)),
    ],
  },
  {
    name: "State",
    cell: (source) =>
      h(
        "span",
        { class: "states" },
        pill(source.status),
        source.stalled && h("span", { class: "pill bad" }, "Stalled"),
        source.held_deletions > 0 &&
          h("a", { class: "pill warn", href: toSource(source.id, "held") }, `${number(source.held_deletions)} held`),
      ),
  },
  { name: "Fresh", cell: (source) => when(source.last_checked_at ?? source.last_synced_at) },
  { name: "Next run", cell: next },
  { name: "Quota", cell: (source) => (source.provider ? gauge(source.quota) : h("span", { class: "faint" }, "–")) },
  { name: "", kind: "actions", cell: (source) => manualSyncButton(source, role, { compact: true }) },
];

/** What will run by itself, and when by hand is possible again. */
function next(source) {
  if (source.next_run_at) return when(source.next_run_at);
  if (source.parked_run) return h("span", {}, "parked", source.cooldown_until && [", ", when(source.cooldown_until)]);
  if (source.follow_up_run) return "after this one";
  if (source.cooldown_until && at(source.cooldown_until) > now())
    return h("span", { class: "faint" }, "by hand ", when(source.cooldown_until));
  return h("span", { class: "faint" }, "by hand");
}

function none(workspace, add) {
  if (!isAdmin(workspace.role)) return empty("No sources yet", "An admin of this workspace can add a repository or a folder of documents.");
  return empty(
    "No sources yet",
    "A source is one thing that can be synced: a repository of a forge, or a folder of documents.",
    h("p", {}, h("button", { type: "button", class: "primary", onclick: add }, "New source")),
    h(
      "p",
      { class: "hint" },
      "People are added under ",
      h("a", { href: toWorkspace(workspace.slug, "members") }, "Members"),
      ", scripts under ",
      h("a", { href: toWorkspace(workspace.slug, "tokens") }, "Tokens"),
      ". By script: ",
      code(`POST /v1/workspaces/${workspace.slug}/sources`),
    ),
  );
}

/** Puts news into the rows that are there, leaving the list and the focus where they are. */
async function freshen(slug, signal, all, element, shownColumns) {
  const { sources: fresh } = await get(`/v1/workspaces/${part(slug)}/sources`, {}, signal);
  const byId = new Map(fresh.map((source) => [source.id, source]));
  all.forEach((source, index) => (all[index] = Object.assign(source, byId.get(source.id))));
  for (const link of element.querySelectorAll("a[data-source]")) {
    const source = byId.get(link.dataset.source);
    const cells = [...link.closest("tr").children].map((cell) => cell.firstChild);
    if (source) [1, 2, 3, 4].forEach((index) => put(cells[index], shownColumns[index].cell(source)));
  }
}

/** Looks again now and then while the page is seen, and soon after something was begun here. */
function keepFresh({ signal, isBusy, refresh }) {
  let last = Date.now();
  const look = () => {
    last = Date.now();
    refresh().catch(() => {});
  };
  const timer = setInterval(() => {
    if (!document.hidden && Date.now() - last >= (isBusy() ? BUSY : QUIET)) look();
  }, 1000);
  const stop = whenBegun(look);
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    stop();
  });
}
