// The cord to pull: one press asks for a sync, and whatever the answer is, it is shown at once with what can be done.

import { isAbort } from "../lib/api.js";
import { may, mayRun, rightToSync, whyNot } from "../lib/config.js";
import { h } from "../lib/dom.js";
import { toast } from "../shell/busy.js";
import { openDialog } from "../shell/dialog.js";
import { icon } from "../shell/icon.js";
import { explainer, optionsForm } from "./options-form.js";
import { confirmation, refusal } from "./refusal.js";
import { openProgress } from "./sync-progress-dialog.js";
import { askForSync, everythingIn } from "./trigger.js";

/** The button with its options, for whoever may; for others the reason why there is none. */
export function manualSyncButton(source, role, { compact = false } = {}) {
  if (!mayRun(role, source)) {
    return compact ? null : h("p", { class: "why-not" }, whyNot(role, rightToSync(source.kind), "sync it"));
  }
  const label = h("span", { class: "label" }, "Sync");
  const press = h("button", { type: "button", class: compact ? "sync small" : "sync primary", "aria-label": `Sync ${source.name}` }, label);
  press.addEventListener("click", () => pull(press, source, role, {}));
  if (compact) return press;
  const more = h(
    "button",
    {
      type: "button",
      class: "primary sync-more",
      "aria-label": "Sync with options",
      "aria-haspopup": "dialog",
      onclick: () => openOptions(source, role),
    },
    icon("down"),
  );
  return h("div", { class: "split" }, press, more);
}

/** The same for everything that a workspace watches, for whoever may. */
export function syncAllButton(workspace) {
  if (!may(workspace.role, "sync_workspace")) return null;
  const press = h("button", { type: "button", class: "sync-all" }, h("span", { class: "label" }, "Sync all"));
  press.addEventListener("click", () => pull(press, everythingIn(workspace), workspace.role, {}));
  return press;
}

/** Asks, with the button as the place that says so. */
export async function pull(press, source, role, options) {
  if (press?.getAttribute("aria-busy") === "true") return;
  press?.setAttribute("aria-busy", "true");
  try {
    await attempt(source, role, options, null);
  } finally {
    press?.removeAttribute("aria-busy");
  }
}

/** Asks once; shows the run, or what is in the way. A dialog that is open already says it in its place. */
async function attempt(source, role, options, dialog) {
  let run;
  try {
    run = await askForSync(source, options);
  } catch (why) {
    if (isAbort(why)) return;
    if (why.code === "CONFIRMATION_REQUIRED") confirm(source, role, options, why, dialog);
    else refuse(source, role, options, why, dialog);
    return;
  }
  dialog?.close();
  if (run.outcome === "fresh") toast("It is fresh enough; nothing was begun.");
  else openProgress(run, source, role);
}

function confirm(source, role, options, problem, dialog) {
  const title = "Sync all the same?";
  const body = confirmation(problem.body.reasons ?? []);
  const go = h("button", { type: "button", class: "primary", "data-first": true }, h("span", { class: "label" }, "Sync all the same"));
  const leave = h("button", { type: "button" }, "Leave it");
  const shown = dialog ?? openDialog({ title, kind: "refusal" });
  go.addEventListener("click", () => held(go, () => attempt(source, role, { ...options, confirmed: true }, shown)));
  leave.addEventListener("click", () => shown.close());
  shown.show(title, body, [leave, go]);
}

function refuse(source, role, options, problem, dialog) {
  if (problem.status === 401) return dialog?.close();
  const shown = dialog ?? openDialog({ title: problem.body.title ?? "Refused", kind: "refusal" });
  const offers = {
    again: (more) => attempt(source, role, { ...options, ...more }, shown),
    watch: (id) => {
      shown.close();
      return openProgress(id, source, role);
    },
  };
  const { title, body, actions } = refusal(problem, source, role, offers);
  shown.show(title, body, actions);
  return undefined;
}

async function held(press, work) {
  if (press.getAttribute("aria-busy") === "true") return;
  press.setAttribute("aria-busy", "true");
  try {
    await work();
  } finally {
    press.removeAttribute("aria-busy");
  }
}

/** The options, and what they would come to. */
export function openOptions(source, role) {
  const { element, options } = optionsForm(source, Boolean(source.current_run));
  const { press, place } = explainer(source, options);
  const go = h("button", { type: "button", class: "primary", "data-first": true }, h("span", { class: "label" }, "Sync"));
  const dialog = openDialog({ title: `Sync ${source.name}`, kind: "options-dialog", body: [element, place], actions: [press, go] });
  go.addEventListener("click", () => held(go, () => attempt(source, role, options(), dialog)));
}
