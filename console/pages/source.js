// A source at a glance: what runs, how fresh it is, what is in the way, and how the last runs went.

import { get, part } from "../lib/api.js";
import { streamName } from "../lib/config.js";
import { h, put, said, code } from "../lib/dom.js";
import { follow, hasEnded } from "../lib/live.js";
import { toRun, toSource } from "../lib/routes.js";
import { number } from "../lib/text.js";
import { at, now, span, when } from "../lib/time.js";
import { history } from "../shell/chart.js";
import { empty } from "../shell/list.js";
import { gauge } from "../shell/meter.js";
import { pill } from "../shell/status.js";
import { progressView } from "../sync/progress-view.js";
import { trouble, verdict } from "../sync/results.js";
import { whenBegun } from "../sync/trigger.js";
import { sourceHead, sourceOf } from "./look.js";
import { rhythm } from "./schedule.js";

export default async function source(context) {
  const { main, params, signal } = context;
  const id = params.source;
  const [looked, { runs }] = await Promise.all([sourceOf(id, signal), get(`/v1/sources/${part(id)}/runs`, { limit: 40 }, signal)]);
  const head = h("div", {}, sourceHead(context, looked, ""));
  const body = h("div", { class: "glance" });
  put(main, head, body);
  let stop = () => {};
  let following = null;
  signal.addEventListener("abort", () => stop());

  function draw(state, past) {
    const live = state.current_run ? (past.find((run) => run.id === state.current_run) ?? { id: state.current_run }) : null;
    const panel = live && !(live.status && hasEnded(live)) ? underWay(live, state) : null;
    put(body, panel, notices(state, past), facts(state), recent(state, past));
  }

  function underWay(run, state) {
    const view = progressView();
    if (following !== run.id) {
      stop();
      following = run.id;
    }
    stop = follow(
      run.id,
      (found, how) => {
        view.show(found, how);
        if (hasEnded(found)) refresh();
      },
      run.version ? run : null,
    );
    return h(
      "section",
      { class: "panel", "aria-label": "Under way" },
      view.element,
      h("p", {}, h("a", { href: toRun(run.id) }, "All about this run")),
      state.stalled && h("p", { class: "complaint" }, "It has not been heard of for longer than usual. It is revived by itself, or ended."),
    );
  }

  // What is shown stays where it cannot be read anew, or where the page has moved on.
  const refresh = () => renew().catch(() => {});

  async function renew() {
    stop();
    const [fresh, page] = await Promise.all([sourceOf(id, signal), get(`/v1/sources/${part(id)}/runs`, { limit: 40 }, signal)]);
    if (signal.aborted) return;
    const focused = head.contains(document.activeElement) ? document.activeElement.className : null;
    put(head, sourceHead(context, fresh, ""));
    if (focused) head.querySelector(`.${focused.split(" ")[0]}`)?.focus();
    draw(fresh.source, page.runs);
  }
  signal.addEventListener(
    "abort",
    whenBegun((run) => run.source === id && refresh()),
  );
  draw(looked.source, runs);
}

/** What somebody should look at. */
function notices(source, runs) {
  const last = runs.find((run) => run.error);
  const failed =
    source.status === "error" && (last?.error ? trouble("bad", last.error) : h("p", { class: "complaint" }, said(source.sync_error, 600)));
  const held =
    source.held_deletions > 0 &&
    h(
      "div",
      { class: "trouble warn" },
      h(
        "div",
        {},
        h(
          "p",
          { class: "trouble-message" },
          `${number(source.held_deletions)} items are gone at the source and were kept: so many at once look like an accident.`,
        ),
        h("p", {}, h("a", { href: toSource(source.id, "held") }, "Look at them and decide")),
      ),
    );
  return failed || held ? h("section", { class: "notices", "aria-label": "To look at" }, failed, held) : null;
}

function facts(source) {
  const cooling = source.cooldown_until && at(source.cooldown_until) > now();
  const rows = [
    ["Last synced", when(source.last_synced_at)],
    ["Last looked at", when(source.last_checked_at)],
    ["By hand again", cooling ? when(source.cooldown_until) : "at once"],
    ["Quota", source.provider ? gauge(source.quota) : "needs none"],
    [
      "Items",
      source.item_count === null
        ? h("a", { href: toSource(source.id, "items") }, "look")
        : h("a", { href: toSource(source.id, "items") }, number(source.item_count)),
    ],
    source.streams.length > 0 && ["Streams", source.streams.map(streamName).join(", ")],
    source.next_run_at && ["Next run", when(source.next_run_at)],
    source.schedule && ["By itself", h("a", { href: toSource(source.id, "settings") }, rhythm(source.schedule))],
    source.parked_run && ["Parked", h("a", { href: toRun(source.parked_run) }, "runs by itself")],
    source.follow_up_run && ["After this run", h("a", { href: toRun(source.follow_up_run) }, "one more")],
    source.kind === "repository" && [
      "Webhook",
      source.webhook.active
        ? "delivers"
        : source.webhook.last_delivery_at
          ? when(source.webhook.last_delivery_at)
          : h("span", { class: "faint" }, "nothing came yet"),
    ],
    source.path && ["Folder", code(source.path)],
  ];
  return h(
    "section",
    { class: "panel", "aria-label": "How it is" },
    h(
      "dl",
      { class: "facts" },
      rows.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );
}

function recent(source, runs) {
  if (!runs.length)
    return empty(
      "It has not been synced yet",
      "Press Sync: it asks the provider for everything once, and from then on only for what changed.",
    );
  const line = (run) =>
    h(
      "li",
      {},
      h("a", { class: "row-link", href: toRun(run.id) }, pill(run.status)),
      when(run.created_at),
      h("span", { class: "recent-what" }, hasEnded(run) ? verdict(run) : run.started_at ? span(now() - at(run.started_at)) : ""),
    );
  return h(
    "section",
    { class: "panel", "aria-label": "The last runs" },
    h("div", { class: "panel-head" }, h("h2", {}, "The last runs"), h("a", { href: toSource(source.id, "runs") }, "All runs")),
    history(runs),
    h("ul", { class: "recent" }, runs.slice(0, 6).map(line)),
  );
}
