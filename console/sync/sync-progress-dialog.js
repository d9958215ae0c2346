// A run, watched from its first moment to what it came to. Closing the dialog leaves the run alone: the banner goes on.

import { get, part } from "../lib/api.js";
import { mayRun } from "../lib/config.js";
import { announce, h, put } from "../lib/dom.js";
import { follow, hasEnded } from "../lib/live.js";
import { toRun } from "../lib/routes.js";
import { button } from "../shell/busy.js";
import { openDialog } from "../shell/dialog.js";
import { nameOf, pill } from "../shell/status.js";
import { askAgain } from "./again.js";
import { childrenOf } from "./children.js";
import { progressView } from "./progress-view.js";
import { againLabel, canRetry, summary, verdict } from "./results.js";
import { hideBanner, showBanner } from "./sync-status-banner.js";
import { cancelRun } from "./trigger.js";

/** Opens on a run, or on the id of one. */
export async function openProgress(runOrId, source, role) {
  const first = typeof runOrId === "string" ? await get(`/v1/runs/${part(runOrId)}`) : runOrId;
  const name = source?.name ?? first.source ?? first.workspace;
  let run = first;
  let stop = () => {};
  const view = progressView();
  const family = first.source ? null : childrenOf(first.id);
  const dialog = openDialog({
    title: headline(first, name),
    kind: "progress-dialog",
    body: [view.element, family?.element],
    onclose: () => {
      stop();
      family?.stop();
      showBanner(run, name);
    },
  });
  hideBanner();
  const may = mayRun(role, { kind: first.kind ?? source?.kind });
  const cancel = button("Cancel", () => cancelRun(run.id).then((found) => show({ ...run, ...found }, "live")), { class: "cancel" });
  const details = () => h("a", { class: "button", href: toRun(run.id) }, "Details");
  put(dialog.foot, details(), may && cancel);
  let told = "";
  function show(found, how) {
    const position = found.position ?? (found.version === run.version ? run.position : null);
    run = { ...found, position };
    family?.show(run);
    if (hasEnded(run)) return end();
    view.show(run, how);
    if (may) cancel.hidden = run.status === "cancelling";
    if (run.status !== told) announce(nameOf(run.status));
    told = run.status;
    return undefined;
  }
  function end() {
    const again =
      may &&
      canRetry(run) &&
      run.status !== "completed" &&
      button(againLabel(run), () => {
        const look = (next) => openProgress(next, source, role);
        return askAgain(run, role, { done: look, watch: look }, dialog);
      });
    dialog.show(
      headline(run, name),
      [h("p", { class: "verdict-line" }, pill(run.status), " ", verdict(run)), summary(run), family?.element],
      [again, details(), h("button", { type: "button", class: "primary", "data-first": true, onclick: () => dialog.close() }, "Done")],
    );
    announce(`${nameOf(run.status)}. ${verdict(run)}`);
  }
  show(first, "live");
  // Only a run that is looked at alone says how many come first.
  const alone = (found) => found.version === run.version && found.position && show(found, "live");
  if (first.status === "queued") get(`/v1/runs/${part(first.id)}`).then(alone, () => {});
  stop = follow(first.id, show, first);
}

function headline(run, name) {
  if (hasEnded(run)) return `${name}: ${nameOf(run.status).toLowerCase()}`;
  if (run.status === "parked") return `${name} will sync by itself`;
  if (run.work !== "sync") return name;
  return `Syncing ${name}`;
}
