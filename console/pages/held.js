// What is gone at the source and was kept, because so much at once looks like an accident. Somebody decides here.

import { get, part, post, wish } from "../lib/api.js";
import { isAdmin, mayRun, rightToSync, whyNot } from "../lib/config.js";
import { code, h, put, said } from "../lib/dom.js";
import { count, words } from "../lib/text.js";
import { when } from "../lib/time.js";
import { button, field } from "../shell/busy.js";
import { ask } from "../shell/dialog.js";
import { empty, pagedTable } from "../shell/list.js";
import { openProgress } from "../sync/sync-progress-dialog.js";
import { announceRun } from "../sync/trigger.js";
import { sourceHead, sourceOf } from "./look.js";

export default async function held(context) {
  const { main, params, signal } = context;
  const looked = await sourceOf(params.source, signal);
  const { source, workspace } = looked;
  const path = `/v1/sources/${part(source.id)}/held-deletions`;
  const table = pagedTable({
    label: "Held back",
    noun: "item",
    signal,
    columns: COLUMNS,
    fetchPage: async (cursor) => {
      const page = await get(path, { limit: 100, cursor }, signal);
      return { rows: page.items, next: page.next_cursor };
    },
    none: () => empty("Nothing is held back", "Removals that look like an accident wait here until somebody decides."),
  });
  const total = source.held_deletions;
  const may = mayRun(workspace.role, source);
  const decide =
    total > 0 &&
    (may || isAdmin(workspace.role)
      ? decision(context, looked, path)
      : h("p", { class: "why-not" }, whyNot(workspace.role, rightToSync(source.kind), "decide")));
  const why =
    total > 0 &&
    h(
      "p",
      { class: "lead" },
      `${count(total, "item")} of this source ${total === 1 ? "was" : "were"} missing when it was last listed as a whole. More than ten that are also more than a fifth of it look like an accident, so they were kept.`,
    );
  put(main, sourceHead(context, looked, "Held back"), why, decide, table.element);
  await table.reload();
}

function decision(context, { source, workspace }, path) {
  const reason = h("input", { type: "text", name: "reason", maxlength: "300", autocomplete: "off" });
  const send = async (wanted) => {
    const run = await post(
      path,
      { decision: wanted, ...(reason.value.trim() ? { reason: reason.value.trim() } : {}) },
      { headers: wish() },
    );
    announceRun(run);
    await openProgress(run, source, workspace.role);
    document.querySelector("dialog.progress-dialog")?.addEventListener("close", () => context.turn());
  };
  const approve = button(
    "Remove them here too",
    async () => {
      const sure = await ask({
        title: "Remove them here too?",
        body: h(
          "p",
          {},
          `${count(source.held_deletions, "item")} will be removed. This cannot be taken back; a later sync brings back what is at the source then.`,
        ),
        yes: "Remove them",
        danger: true,
      });
      if (sure) await send("approve");
    },
    { class: "danger" },
  );
  const discard = button("Keep them", () => send("discard"));
  return h(
    "section",
    { class: "panel decision", "aria-label": "Decide" },
    field("Why? It is put on record.", reason),
    h("div", { class: "form-actions" }, approve, discard),
    h("p", { class: "hint" }, "What is kept stays, silently, until it is back at its source."),
  );
}

const COLUMNS = [
  {
    name: "Title",
    kind: "main wide",
    cell: (item) => [said(item.title || item.path, 200), h("span", { class: "row-under" }, code(item.path ?? item.externalId))],
  },
  { name: "Type", cell: (item) => said(words(item.type), 40) },
  { name: "Changed", cell: (item) => when(item.updatedAt, "–") },
  { name: "Synced", cell: (item) => when(item.syncedAt) },
];
