// What a source holds, newest change first. An item opens where it stands.

import { get, part } from "../lib/api.js";
import { code, h, put, said } from "../lib/dom.js";
import { keepQuery } from "../lib/router.js";
import { bytes, visible, words } from "../lib/text.js";
import { when } from "../lib/time.js";
import { openDialog } from "../shell/dialog.js";
import { icon } from "../shell/icon.js";
import { empty, filters, pagedTable, searchField, selectField } from "../shell/list.js";
import { sourceHead, sourceOf } from "./look.js";

const TYPES = [
  ["", "Any type"],
  ["issue", "Issues"],
  ["pull_request", "Pull requests"],
  ["alert", "Alerts"],
  ["finding", "Findings"],
  ["record", "Records"],
];
const STATES = [
  ["", "Any state"],
  ["open", "Open"],
  ["closed", "Closed"],
];

export default async function items(context) {
  const { main, params, query, signal } = context;
  const looked = await sourceOf(params.source, signal);
  const { source } = looked;
  const isFolder = source.kind === "documents";
  const wanted = { q: query.get("q") ?? "", type: query.get("type") ?? "", state: query.get("state") ?? "" };
  const table = pagedTable({
    label: "Items",
    noun: isFolder ? "document" : "item",
    signal,
    columns: isFolder ? DOCUMENTS : ITEMS,
    fetchPage: async (cursor) => {
      const page = await get(`/v1/sources/${part(source.id)}/items`, { ...wanted, limit: 50, cursor }, signal);
      return { rows: page.items, next: page.next_cursor };
    },
    none: () =>
      Object.values(wanted).some(Boolean)
        ? empty("Nothing matches", "Loosen the filter.")
        : empty("Nothing here yet", source.last_synced_at ? "The last sync found nothing." : "Press Sync to fetch what there is."),
  });
  const fields = [
    searchField("Part of the title", "q", wanted.q),
    !isFolder && selectField("Type", "type", TYPES, wanted.type),
    !isFolder && selectField("State", "state", STATES, wanted.state),
  ];
  const search = filters(fields.filter(Boolean), (values) => {
    Object.assign(wanted, values);
    keepQuery(values);
    table.reload();
  });
  put(main, sourceHead(context, looked, "Items"), search, table.element);
  await table.reload();
}

const title = (item) => h("button", { type: "button", class: "as-link", onclick: () => open(item) }, said(item.title || item.path, 200));
const state = (item) => h("span", { class: `state ${item.state === "open" ? "open" : "closed"}` }, said(words(item.state), 40));

const ITEMS = [
  {
    name: "Title",
    kind: "main wide",
    cell: (item) => [
      title(item),
      h(
        "span",
        { class: "row-under" },
        item.labels.slice(0, 6).map((label) => h("span", { class: "label-chip" }, said(label, 40))),
      ),
    ],
  },
  { name: "Type", cell: (item) => said(words(item.type), 40) },
  { name: "State", cell: state },
  {
    name: "Priority",
    cell: (item) =>
      item.priority
        ? h("span", { class: `priority ${["critical", "high"].includes(item.priority) ? "high" : ""}` }, said(words(item.priority), 20))
        : h("span", { class: "faint" }, "–"),
  },
  { name: "Changed", cell: (item) => when(item.updatedAt, "–") },
];

const DOCUMENTS = [
  { name: "Title", kind: "main wide", cell: (item) => [title(item), h("span", { class: "row-under" }, code(item.path))] },
  { name: "Size", kind: "number", cell: (item) => (item.size === undefined ? "–" : bytes(item.size)) },
  { name: "Changed", cell: (item) => when(item.updatedAt, "–") },
  { name: "Synced", cell: (item) => when(item.syncedAt) },
];

/** An item whole. Its text is shown as text, whatever it claims to be. */
function open(item) {
  const rows = [
    ["State", state(item)],
    item.author && ["By", said(item.author, 80)],
    item.assignees.length > 0 && ["Assigned to", item.assignees.map((one) => [said(one, 80), " "])],
    item.labels.length > 0 && ["Labels", item.labels.map((label) => h("span", { class: "label-chip" }, said(label, 60)))],
    item.severity && ["Severity", said(item.severity, 40)],
    item.createdAt && ["Made", when(item.createdAt)],
    ["Changed", when(item.updatedAt, "–")],
    ["Synced", when(item.syncedAt)],
    ["Id", code(item.externalId)],
    item.sha256 && ["SHA-256", code(item.sha256)],
  ].filter(Boolean);
  const address = safe(item.url);
  openDialog({
    title: said(item.title || item.path, 300),
    kind: "wide-dialog item-dialog",
    body: [
      h(
        "dl",
        { class: "facts" },
        rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
      ),
      item.body && h("pre", { class: "item-body", dir: "auto", tabindex: "0", "aria-label": "Text" }, visible(item.body, 20_000)),
    ],
    actions: [
      address &&
        h("a", { class: "button", href: address, target: "_blank", rel: "noreferrer noopener" }, "Open at its source ", icon("link")),
    ],
  });
}

/** An address that a link may lead to. */
function safe(text) {
  try {
    const url = new URL(text);
    return ["https:", "http:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
