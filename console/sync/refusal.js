// A refusal is no dead end: it says why, since when and until when, and offers what can be done instead.

import { isAdmin } from "../lib/config.js";
import { h, said } from "../lib/dom.js";
import { explained, prose } from "../lib/problems.js";
import { number } from "../lib/text.js";
import { at, clock, countdown, when } from "../lib/time.js";
import { button, field } from "../shell/busy.js";
import { gauge, progressBar } from "../shell/meter.js";

const REASONS = {
  WEBHOOK_ACTIVE: [
    "Its webhook delivers changes by itself.",
    "A sync by hand asks the provider for what most likely is here already, and costs quota.",
  ],
  INCLUDE_CLOSED: ["Closed items are wanted too.", "That can be many more than the open ones, and they stay here."],
};

/** What has to be confirmed, in plain words. */
export function confirmation(reasons) {
  return h(
    "ul",
    { class: "reasons" },
    reasons.map((reason) => {
      const [what, why] = REASONS[reason] ?? [reason, ""];
      return h("li", {}, h("strong", {}, what), " ", why);
    }),
  );
}

/**
 * What a refusal says and offers: `{title, body, actions}`. `again(more)` asks once more with more options, `watch(run)`
 * looks at a run. A run that is asked for again is what it was: it takes no options.
 */
export function refusal(problem, source, role, { again, watch, isRetry = false }) {
  const more = { again, watch, role, source, isRetry };
  switch (problem.code) {
    case "COOLDOWN_ACTIVE":
      return cooling(problem, more);
    case "RATE_LIMIT_LOW":
      return low(problem, more);
    case "SYNC_IN_PROGRESS":
      return running(problem, more);
    default:
      return other(problem);
  }
}

/** The wait that ends by itself: a countdown, and a press that will do at its end. */
function waiting(until, { again }) {
  const now = button("Sync now", () => again({}), { class: "primary", hidden: true, "data-now": true });
  const timer =
    until &&
    countdown(until, () => {
      now.hidden = false;
      timer.closest(".wait")?.classList.add("over");
    });
  const line = h(
    "div",
    { class: "wait" },
    timer
      ? [h("span", { class: "wait-label" }, "It may run again in"), timer, h("span", { class: "wait-at" }, `at ${clock(at(until))}`)]
      : "Nobody can say when it may run again.",
  );
  return { line, now };
}

function cooling(problem, more) {
  const { next_allowed_at: until, since } = problem.body;
  const { line, now } = waiting(until, more);
  return {
    title: "It was synced a short while ago",
    body: [
      h(
        "p",
        {},
        `A ${more.source.kind === "workspace" ? "workspace" : "source"} that was synced by hand rests for a while, so that nobody wears out the provider`,
        since && [". The last time was ", when(since)],
        ".",
      ),
      line,
      isAdmin(more.role) && !more.isRetry && override(more),
    ],
    actions: [parking(more), now],
  };
}

/** What waits by itself for the moment at which it may run. */
const parking = ({ again, isRetry }) =>
  !isRetry && button("Run then", () => again({ onBlocked: "park" }), { "data-first": true, class: "primary" });

function override({ again }) {
  const reason = h("input", { type: "text", name: "reason", maxlength: "300", autocomplete: "off" });
  const pass = button("Sync all the same", async () => {
    if (!reason.value.trim()) {
      reason.setAttribute("aria-invalid", "true");
      return reason.focus();
    }
    return again({ overrideCooldown: { reason: reason.value.trim() } });
  });
  return h("details", { class: "override" }, h("summary", {}, "Pass over the cooldown"), field("Why? It is put on record.", reason), pass);
}

function low(problem, more) {
  const { quota = {}, next_allowed_at: until } = problem.body;
  const { line, now } = waiting(until, more);
  return {
    title: "The provider's quota is nearly used up",
    body: [
      h("p", {}, `Only ${number(quota.remaining ?? 0)} requests are left. They are kept for what is more urgent than a sync by hand.`),
      h("p", {}, gauge({ remaining: quota.remaining ?? 0, limit: quota.limit, resets_at: quota.resetAt })),
      line,
    ],
    actions: [until && parking(more), now],
  };
}

function running(problem, more) {
  const { run_id: run, progress } = problem.body;
  const bar = progressBar("Progress of the run that is under way");
  bar.show(progress?.percentage ?? null);
  return {
    title: "A sync is running already",
    body: [
      progress &&
        h(
          "div",
          { class: "mini-progress" },
          bar.element,
          h(
            "span",
            { class: "number" },
            progress.percentage === null ? `${number(progress.processed)} so far` : `${progress.percentage} %`,
          ),
        ),
      !more.isRetry && h("p", {}, "You can watch it, have one more run as soon as it has ended, or stop it and begin anew."),
    ],
    actions: [
      button("Watch it", () => watch(more, run), { "data-first": true, class: "primary" }),
      !more.isRetry && button("Run once more after it", () => more.again({ onConflict: "followUp" })),
      !more.isRetry && button("Stop it and begin anew", () => more.again({ force: true }), { class: "danger" }),
    ],
  };
}

const watch = ({ watch: look }, run) => look(run);

/** Whatever else it is: the reply's own words, and the documentation's. */
function other(problem) {
  const next = h("p", { class: "hint" });
  explained(problem.code).then((found) => found && next.append(...prose(found.next)));
  const id = problem.body.request_id;
  return {
    title: problem.body.title ?? "It was not accepted",
    body: [
      h("p", {}, said(problem.message, 600)),
      next,
      id && problem.status >= 500 && h("p", { class: "hint" }, "Request ", h("code", {}, id)),
    ],
    actions: [],
  };
}
