// The frame around every page: where one is, who one is, and the tabs of what is looked at.

import { fill, h, put, said } from "../lib/dom.js";
import { leave, me } from "../lib/session.js";
import { icon, mark } from "./icon.js";
import { openPalette } from "./palette.js";
import { schemeSwitch } from "./theme.js";

let crumbs = null;
let main = null;

/** Makes the frame; the answer is where pages go. */
export function frame(root) {
  crumbs = h("nav", { class: "crumbs", "aria-label": "Where you are" });
  main = h("main", { id: "main" });
  const mac = navigator.platform?.startsWith("Mac");
  put(
    root,
    h("a", { class: "skip", href: "#main", onclick: skip }, "Skip to the content"),
    h(
      "header",
      { class: "top" },
      h("a", { class: "brand", href: "/", "aria-label": "Pullcord, all workspaces" }, mark(), h("span", {}, "Pullcord")),
      crumbs,
      h(
        "div",
        { class: "top-actions" },
        h(
          "button",
          {
            type: "button",
            class: "quiet search",
            "aria-keyshortcuts": mac ? "Meta+K" : "Control+K",
            onclick: openPalette,
          },
          icon("search"),
          h("span", { class: "words" }, "Find and do"),
          h("kbd", { class: "wide" }, mac ? "⌘K" : "Ctrl K"),
        ),
        schemeSwitch(),
        who(),
      ),
    ),
    main,
  );
  return main;
}

function skip(event) {
  event.preventDefault();
  main.querySelector("h1")?.focus();
}

function who() {
  const person = me();
  if (!person) return null;
  return h(
    "div",
    { class: "who" },
    h("span", { class: "wide", title: "Signed in" }, said(person.user, 40)),
    h(
      "button",
      { type: "button", class: "quiet square", "aria-label": "Sign out", title: "Sign out", onclick: () => leave("left") },
      icon("out"),
    ),
  );
}

/** Says where one is: `[text, address]` from the outside in; the last is here. */
export function showCrumbs(path) {
  put(
    crumbs,
    h(
      "ol",
      {},
      path.map(([text, address], index) =>
        h(
          "li",
          {},
          index === path.length - 1 ? h("span", { "aria-current": "page" }, said(text, 60)) : h("a", { href: address }, said(text, 60)),
        ),
      ),
    ),
  );
}

/** The head of a page: its name, what is said of it, and what can be done. */
export function pageHead(title, { above = null, under = [], actions = [] } = {}) {
  return h(
    "div",
    { class: "page-head" },
    h(
      "div",
      { class: "page-name" },
      above && h("p", { class: "above" }, above),
      h("h1", { tabindex: "-1" }, typeof title === "string" ? said(title, 120) : title),
      h("div", { class: "under" }, under),
    ),
    h("div", { class: "page-actions" }, actions),
  );
}

/** Tabs that are pages of their own. */
export function tabs(label, entries) {
  const here = location.pathname;
  const element = h(
    "nav",
    { class: "tabs", "aria-label": label },
    h(
      "ul",
      {},
      entries.map(([text, address, more]) =>
        h(
          "li",
          {},
          fill(
            h("a", { href: address, "aria-current": address === here ? "page" : null }, text),
            more && h("span", { class: "badge" }, more),
          ),
        ),
      ),
    ),
  );
  // Where there is no room for all of them, the present one is seen.
  requestAnimationFrame(() => {
    const end = element.querySelector("[aria-current]")?.getBoundingClientRect().right ?? 0;
    element.scrollLeft += Math.max(0, end - element.getBoundingClientRect().right);
  });
  return element;
}
