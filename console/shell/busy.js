// Buttons that answer a press at once, and messages that come and go.

import { announce, h, put } from "../lib/dom.js";
import { isAbort } from "../lib/api.js";

/** A button whose work is shown while it goes on: a spinner in its own width, and no second press. */
export function button(label, work, attributes = {}) {
  const element = h(
    "button",
    { type: "button", ...attributes, onclick: (event) => busy(element, () => work(event)) },
    h("span", { class: "label" }, label),
  );
  return element;
}

/** Marks a button as busy for as long as its work takes. */
export async function busy(element, work) {
  if (element.getAttribute("aria-busy") === "true") return undefined;
  element.setAttribute("aria-busy", "true");
  element.setAttribute("aria-disabled", "true");
  try {
    return await work();
  } catch (why) {
    if (!isAbort(why)) toast(why.message, "bad");
    return undefined;
  } finally {
    element.removeAttribute("aria-busy");
    element.removeAttribute("aria-disabled");
  }
}

let fading = null;

/** A message at the edge that goes by itself; a screen reader hears it too. */
export function toast(text, kind = "good") {
  document.querySelector(".toast")?.remove();
  clearTimeout(fading);
  const element = h("div", { class: `toast ${kind}` }, text);
  // A modal dialog would lie over it.
  (document.querySelector("dialog[open]") ?? document.body).append(element);
  announce(text);
  fading = setTimeout(() => element.remove(), 7000);
}

/** A form that sends itself with `send(values)`, shows what is wrong beside what it is about, and cannot be sent twice. */
export function form(fields, submit, send) {
  const complaint = h("div", { class: "complaint", role: "alert" });
  const go = h("button", { type: "submit", class: "primary" }, h("span", { class: "label" }, submit));
  const element = h("form", { novalidate: true }, fields, complaint, h("div", { class: "form-actions" }, go));
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    put(complaint);
    for (const input of element.elements) input.removeAttribute?.("aria-invalid");
    busy(go, () => send(Object.fromEntries(new FormData(element)), element).catch((why) => complain(element, complaint, why)));
  });
  return element;
}

function complain(element, place, why) {
  if (isAbort(why)) return;
  const errors = why.body?.errors ?? [];
  put(
    place,
    errors.length
      ? h(
          "ul",
          {},
          errors.map(({ at, why: because }) => h("li", {}, h("code", {}, at), " ", because)),
        )
      : why.message,
  );
  const first = errors.map(({ at }) => element.elements[at]).find((input) => input instanceof HTMLElement);
  first?.setAttribute("aria-invalid", "true");
  first?.focus();
}

let numbered = 0;

/** A labelled field. */
export function field(label, input, hint = null) {
  const id = `field-${(numbered += 1)}`;
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, hint && h("p", { class: "hint", id: `${id}-hint` }, hint));
}

export function choice(label, name, hint = null, attributes = {}) {
  const id = `field-${(numbered += 1)}`;
  const input = h("input", { type: "checkbox", name, id, ...attributes, "aria-describedby": hint ? `${id}-hint` : null });
  return h("div", { class: "choice" }, input, h("label", { for: id }, label), hint && h("p", { class: "hint", id: `${id}-hint` }, hint));
}
