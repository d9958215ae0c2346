// Light, dark, or as the system has it.

import { announce, h, put } from "../lib/dom.js";
import { icon } from "./icon.js";

const ORDER = ["system", "light", "dark"];
const PICTURES = { system: "system", light: "sun", dark: "moon" };
const KEY = "pullcord-theme";

export const scheme = () => document.documentElement.dataset.theme ?? "system";

export function nextScheme() {
  const next = ORDER[(ORDER.indexOf(scheme()) + 1) % ORDER.length];
  if (next === "system") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(KEY);
  } else {
    document.documentElement.dataset.theme = next;
    localStorage.setItem(KEY, next);
  }
  for (const element of document.querySelectorAll(".scheme")) label(element);
  announce(`Colours: ${next}`);
}

function label(element) {
  put(element, icon(PICTURES[scheme()]));
  element.setAttribute("aria-label", `Colours: ${scheme()}`);
  element.title = `Colours: ${scheme()}`;
}

export function schemeSwitch() {
  const element = h("button", { type: "button", class: "quiet square scheme", onclick: nextScheme });
  label(element);
  return element;
}
