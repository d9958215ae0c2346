// What a run came to: counts, warnings, and of an error what it means and what to do next.

import { h, put, said, code } from "../lib/dom.js";
import { explained, prose } from "../lib/problems.js";
import { toSource } from "../lib/routes.js";
import { count, number } from "../lib/text.js";
import { at, span } from "../lib/time.js";
import { icon } from "../shell/icon.js";

const COUNTS = [
  ["created", "Created"],
  ["updated", "Updated"],
  ["skipped", "Unchanged"],
  ["deleted", "Deleted"],
  ["failed", "Failed"],
  ["held_deletions", "Held back"],
];

/** Counts as a row of numbers. Those that ask for attention stand out. */
export function counts(run) {
  return h(
    "dl",
    { class: "counts" },
    COUNTS.map(([key, name]) => {
      const value = run.results[key];
      const kind = value === 0 ? "none" : key === "failed" ? "bad" : key === "held_deletions" ? "warn" : "";
      return h("div", { class: kind, "data-count": key }, h("dd", { class: "number" }, number(value)), h("dt", {}, name));
    }),
  );
}

/** A code with its own words, what it means in general, and what to do. */
export function trouble(kind, { code: name, message, where }) {
  const more = h("div", { class: "trouble-more" });
  explained(name).then(
    (found) => found && put(more, h("p", {}, prose(found.means)), h("p", {}, h("strong", {}, "What to do: "), prose(found.next))),
  );
  return h(
    "div",
    { class: `trouble ${kind}` },
    icon(kind === "bad" ? "cross" : "warn"),
    h(
      "div",
      {},
      h("p", { class: "trouble-message" }, said(message, 600)),
      where && h("p", { class: "trouble-where" }, "at ", code(where)),
      more,
      h("p", { class: "trouble-code" }, code(name)),
    ),
  );
}

/** Warnings, those of one code together. */
export function warnings(run, most = 5) {
  const byCode = Map.groupBy(run.warnings, (warning) => warning.code);
  return [...byCode.values()].map((of) => {
    const others = of.slice(1);
    const lines = (some) => some.map((one) => h("li", {}, said(one.message, 300), one.where && [" ", code(one.where)]));
    return h(
      "div",
      {},
      trouble("warn", of[0]),
      others.length > 0 &&
        h(
          "details",
          { class: "others" },
          h("summary", {}, `and ${count(others.length, "other")} of this kind`),
          h("ul", {}, lines(others.slice(0, most * 8))),
        ),
    );
  });
}

/** The end of a run in one sentence. */
export function verdict(run) {
  const took = run.started_at && run.finished_at ? ` in ${span(at(run.finished_at) - at(run.started_at))}` : "";
  const changed = run.results.created + run.results.updated + run.results.deleted;
  if (run.children && run.status !== "cancelled") return ofMany(run.children, took);
  switch (run.status) {
    case "completed":
    case "completed_with_warnings": {
      const what = changed ? `${count(changed, "change")}` : "Nothing had changed";
      return `${what}${took}${run.warnings.length ? `, with ${count(run.warnings.length, "warning")}` : ""}.`;
    }
    case "failed":
      return `Failed${took}. What was done until then stays.`;
    case "cancelled":
      return `Cancelled${took}. What was done until then stays.`;
    default:
      return "";
  }
}

const ofMany = ({ total, done, failed }, took) =>
  `${number(Math.max(0, done - failed))} of ${count(total, "source")} synced${failed ? `, ${number(failed)} failed` : ""}${took}.`;

/** What asking for it again would take. */
export const againLabel = (run) =>
  run.children ? "Try what failed again" : run.status === "completed" ? "Run again" : "Try again";

/** Whether there is something to ask for again: of a workspace run, what failed. */
export const canRetry = (run) => run.work === "sync" && (!run.children || run.children.failed > 0);

/** Everything about the end: for the dialog and for the run's page. */
export function summary(run) {
  const held = run.results.held_deletions > 0 && run.source;
  return [
    counts(run),
    run.error && trouble("bad", run.error),
    warnings(run),
    held &&
      h(
        "p",
        { class: "held-note" },
        h("a", { href: toSource(run.source, "held") }, `Look at what is held back (${number(run.results.held_deletions)})`),
      ),
  ];
}
