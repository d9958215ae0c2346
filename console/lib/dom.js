// Elements without markup: everything is made by name, and every string becomes a text node in which nothing acts.

import { visible } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";

/** Attributes that are read out, or shown. */
const TOLD = ["title", "aria-label", "alt", "placeholder"];
const whole = (text) => visible(text, Infinity);

/** An element with attributes, listeners (`onclick` …) and children. What is null or false is left out. */
export function h(tag, attributes, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return dressed(document.createElementNS(SVG, tag), attributes, children);
}

function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : TOLD.includes(name) ? whole(value) : value);
  }
  fill(element, ...children);
  return element;
}

/** Puts children at the end. */
export function fill(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : document.createTextNode(whole(child)));
  }
  return element;
}

/** Replaces all children. */
export function put(element, ...children) {
  element.replaceChildren();
  return fill(element, ...children);
}

/** A string from elsewhere: harmless, and of its own direction. */
export const said = (text, longest) => h("bdi", { dir: "auto" }, visible(text, longest));

/** The same in the fixed font of ids and addresses. */
export const code = (text) => h("code", { dir: "auto" }, visible(text));

let counted = 0;
export const fresh = (prefix) => `${prefix}-${(counted += 1)}`;

/** Tells a screen reader. */
export function announce(news) {
  const announcer = document.getElementById("announcer");
  const text = whole(news);
  // The same words twice are news as well.
  announcer.textContent = announcer.textContent === text ? `${text}\u00a0` : text;
}

/** Whether keys belong to whatever has the focus. */
export const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable]") !== null;
