// How the last runs went: their durations as columns, and their outcomes as a strip. Each leads to its run; the list
// below them says the same in words, and leads there by keyboard.

import { h, svg } from "../lib/dom.js";
import { at, relative, span } from "../lib/time.js";
import { go } from "../lib/router.js";
import { toRun } from "../lib/routes.js";
import { kindOf, nameOf } from "./status.js";

const MOST = 40;
const HEIGHT = 72;
const STEP = 14;
const WIDE = 10;

const took = (run) => (run.started_at && run.finished_at ? at(run.finished_at) - at(run.started_at) : null);

/** The newest runs, oldest first, as columns above a strip. */
export function history(runs) {
  const shown = runs
    .filter((run) => run.finished_at)
    .slice(0, MOST)
    .reverse();
  if (shown.length < 2) return null;
  const durations = shown.map(took).filter((value) => value !== null);
  const longest = Math.max(...durations, 1);
  const middle = [...durations].sort((a, b) => a - b)[Math.floor(durations.length / 2)] ?? 0;
  const width = shown.length * STEP;
  const columns = shown.map((run, index) => {
    const tall = Math.max(2, Math.round(((took(run) ?? 0) / longest) * HEIGHT));
    const x = index * STEP + (STEP - WIDE) / 2;
    const title = `${nameOf(run.status)} ${relative(at(run.finished_at))}, after ${span(took(run) ?? 0)}`;
    return svg(
      "g",
      { class: "run", onclick: () => go(toRun(run.id)) },
      svg("title", {}, title),
      svg("rect", { class: "hit", x: index * STEP, y: 0, width: STEP, height: HEIGHT + 14 }),
      svg("rect", { class: `column ${kindOf(run.status)}`, x, y: HEIGHT - tall, width: WIDE, height: tall, rx: 1.5 }),
      svg("rect", { class: `outcome ${kindOf(run.status)}`, x, y: HEIGHT + 5, width: WIDE, height: 8, rx: 2 }),
    );
  });
  const good = shown.filter((run) => kindOf(run.status) === "good" || kindOf(run.status) === "warn").length;
  const told = `The last ${shown.length} runs: ${good} completed; usually ${span(middle)}, at most ${span(longest)}.`;
  return h(
    "figure",
    { class: "chart" },
    h(
      "div",
      { class: "chart-scroll" },
      svg("svg", { viewBox: `0 0 ${width} ${HEIGHT + 14}`, width, height: HEIGHT + 14, role: "img", "aria-label": told }, columns),
    ),
    h("figcaption", {}, told),
  );
}
