// The sources that a workspace run took in: how each is and, where one could not be synced, why.

import { get, part } from "../lib/api.js";
import { h, put, said } from "../lib/dom.js";
import { hasEnded } from "../lib/live.js";
import { toRun, toSource } from "../lib/routes.js";
import { count } from "../lib/text.js";
import { readable } from "../lib/time.js";
import { pill } from "../shell/status.js";

/** A workspace run is told of now and then; its children are looked at more often. */
const EVERY = 2500;
const PAGE = 100;
/** No more of them are listed; the API has them all. */
const MOST = 500;

/** A view with `element`, `show(run)` for each news of the workspace run, and `stop()`. */
export function childrenOf(id) {
  const list = h("ul", { class: "children" });
  const more = h("p", { class: "hint" });
  const element = h("section", { class: "family", "aria-label": "Its sources" }, list, more);
  let timer = null;
  let drawn = "";
  let number = 0;
  let ended = false;
  let stopped = false;

  async function all() {
    const found = [];
    let cursor = null;
    do {
      const page = await get(`/v1/runs/${part(id)}/children`, { limit: PAGE, cursor });
      found.push(...page.children);
      cursor = page.next_cursor;
    } while (cursor && found.length < MOST);
    return { found, isAll: !cursor };
  }

  async function look() {
    const mine = (number += 1);
    const { found, isAll } = await all();
    // What was asked for earlier may answer later.
    if (mine !== number) return;
    if (ended && found.every(({ run }) => !run || hasEnded(run))) rest();
    const rows = ended ? found.toSorted((one, other) => Number(isWell(one)) - Number(isWell(other))) : found;
    const signature = JSON.stringify(rows.map((child) => [child.source, child.run?.version, child.refused]));
    if (signature === drawn) return;
    drawn = signature;
    const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    put(list, rows.map(line));
    if (focused) [...list.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    put(more, !isAll && `The first ${count(rows.length, "source")} are listed.`);
  }

  const quietly = () => look().catch(() => {});
  function rest() {
    clearInterval(timer);
    timer = null;
  }
  function show(run) {
    ended = hasEnded(run);
    // Those of a run that was cancelled end a little later, and those that it joined go on without it.
    if (!stopped) timer ??= setInterval(() => !document.hidden && quietly(), EVERY);
    quietly();
  }
  function stop() {
    stopped = true;
    rest();
  }
  return { element, show, stop };
}

const isWell = ({ run, refused }) => !refused && !["failed", "cancelled"].includes(run?.status);

function line({ source, run, own, refused }) {
  return h(
    "li",
    { "data-child": source },
    h("a", { href: run ? toRun(run.id) : toSource(source) }, said(source, 64)),
    refused ? pill("failed", "Refused") : run ? pill(run.status) : h("span", { class: "faint" }, "on record no more"),
    h("span", { class: refused || run?.error ? "child-what bad" : "child-what" }, said(what(run, refused), 300)),
    !own && run && h("span", { class: "badge" }, "ran already"),
  );
}

function what(run, refused) {
  if (refused) return readable(refused.message);
  if (!run) return "";
  if (run.error) return run.error.message;
  if (!hasEnded(run)) return ["queued", "paused", "parked"].includes(run.status) ? readable(run.status_reason ?? "") : underWay(run.progress);
  const { created, updated, deleted } = run.results;
  const changed = created + updated + deleted;
  return changed ? count(changed, "change") : "Nothing had changed";
}

const underWay = ({ percentage, processed, unit }) =>
  percentage === null ? (processed ? `${count(processed, unit, unit)} so far` : "") : `${percentage} %`;
