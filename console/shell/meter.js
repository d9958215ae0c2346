// How much is left, and how far something is.

import { h } from "../lib/dom.js";
import { at, now, span } from "../lib/time.js";
import { number } from "../lib/text.js";

/** What a provider said is left of its quota. */
export function gauge(quota) {
  if (!quota) return h("span", { class: "faint", title: "Known after the first request to the provider" }, "not known yet");
  const over = quota.resets_at && at(quota.resets_at) <= now();
  const share = over ? 1 : quota.limit ? quota.remaining / quota.limit : null;
  const level = share === null ? "" : share < 0.1 ? "low" : share < 0.3 ? "some" : "";
  const left = over
    ? "full again"
    : quota.limit
      ? `${number(quota.remaining)} of ${number(quota.limit)}`
      : `${number(quota.remaining)} left`;
  const title = over || !quota.resets_at ? left : `${left}; full again in ${span(at(quota.resets_at) - now())}`;
  const bar = h("span", { class: "gauge-bar", "aria-hidden": "true" }, h("span"));
  if (share !== null) bar.firstChild.style.inlineSize = `${Math.max(2, Math.round(share * 100))}%`;
  return h("span", { class: `gauge ${level}`, title }, share !== null && bar, h("span", { class: "number" }, left));
}

/** A bar that is honest: where there is no total, it moves and says no share. */
export function progressBar(label) {
  const inner = h("div", { class: "bar-inner" });
  const element = h("div", { class: "bar", role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100" }, inner);
  const show = (percentage, still = false) => {
    const known = percentage !== null && percentage !== undefined;
    element.classList.toggle("unknown", !known && !still);
    element.classList.toggle("still", still);
    if (known) element.setAttribute("aria-valuenow", percentage);
    else element.removeAttribute("aria-valuenow");
    inner.style.inlineSize = known ? `${percentage}%` : "";
  };
  return { element, show };
}
