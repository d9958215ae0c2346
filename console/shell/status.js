// States as people see them: a word, a colour and a shape, so that none of the three carries it alone.

import { h } from "../lib/dom.js";
import { words } from "../lib/text.js";
import { icon } from "./icon.js";

const KINDS = {
  never_synced: ["idle", "minus"],
  syncing: ["busy", null],
  synced: ["good", "check"],
  error: ["bad", "cross"],
  queued: ["busy", "clock"],
  running: ["busy", null],
  paused: ["wait", "pause"],
  parked: ["wait", "clock"],
  completed: ["good", "check"],
  completed_with_warnings: ["warn", "warn"],
  failed: ["bad", "cross"],
  cancelling: ["busy", null],
  cancelled: ["idle", "minus"],
};
const NAMES = { completed_with_warnings: "Completed, with warnings", never_synced: "Never synced", error: "Failed" };

export const nameOf = (status) => NAMES[status] ?? words(status);
export const kindOf = (status) => KINDS[status]?.[0] ?? "idle";

export function pill(status, label = nameOf(status)) {
  const [kind, picture] = KINDS[status] ?? ["idle", "minus"];
  return h(
    "span",
    { class: `pill ${kind}`, "data-status": status },
    picture ? icon(picture) : h("span", { class: "spinner", "aria-hidden": "true" }),
    label,
  );
}

/** What a run is for, where it is no ordinary sync. */
export const workOf = (run) =>
  ({ delete: "Removal of the source", approve_deletions: "Removal of held items", discard_deletions: "Keeping of held items" })[run.work] ??
  "Sync";

/** Who or what asked for a run. */
export const TRIGGERS = {
  manual: "by hand",
  schedule: "by schedule",
  webhook: "by webhook",
  ops: "by an operator",
  follow_up: "after another run",
  parked: "parked before",
  workspace: "with its workspace",
};
