// Asking for a run once more. What is in the way is shown like with the first press, but for what only that can offer.

import { isAbort } from "../lib/api.js";
import { openDialog } from "../shell/dialog.js";
import { refusal } from "./refusal.js";
import { retryRun } from "./trigger.js";

/** `done(run)` is called with what was begun, `watch(id)` with what runs already. A dialog that is open says it in its place. */
export async function askAgain(run, role, { done, watch }, dialog = null) {
  let next;
  try {
    next = await retryRun(run.id);
  } catch (why) {
    if (!isAbort(why)) refuse(why, run, role, { done, watch }, dialog);
    return;
  }
  dialog?.close();
  done(next);
}

function refuse(problem, run, role, then, dialog) {
  if (problem.status === 401) {
    dialog?.close();
    return;
  }
  const shown = dialog ?? openDialog({ title: problem.body.title ?? "Refused", kind: "refusal" });
  const offers = {
    isRetry: true,
    again: () => askAgain(run, role, then, shown),
    watch: (id) => {
      shown.close();
      return then.watch(id);
    },
  };
  const { title, body, actions } = refusal(problem, { kind: run.kind ?? "workspace" }, role, offers);
  shown.show(title, body, actions);
}
