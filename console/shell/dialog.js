// Dialogs: the browser's own, so that focus, Escape and the rest of the page are looked after.

import { fill, fresh, h, put } from "../lib/dom.js";
import { icon } from "./icon.js";

/**
 * Opens a dialog. The answer has `show(title, body, actions)` to say something else in it, `close()`, and `element`.
 * `onclose` is called however it closes.
 */
export function openDialog({ title, body = [], actions = [], kind = "", onclose = () => {} }) {
  const label = fresh("dialog");
  const heading = h("h2", { id: label, tabindex: "-1" }, title);
  const content = h("div", { class: "dialog-body" }, body);
  const foot = h("div", { class: "dialog-actions" }, actions);
  const element = h(
    "dialog",
    { "aria-labelledby": label, class: kind },
    h(
      "div",
      { class: "dialog-head" },
      heading,
      h("button", { type: "button", class: "quiet square", "aria-label": "Close", onclick: () => element.close() }, icon("close")),
    ),
    content,
    foot,
  );
  element.addEventListener("close", () => {
    element.remove();
    onclose(element.returnValue);
  });
  // A press beside it closes it, as Escape does.
  let began = null;
  element.addEventListener("pointerdown", (event) => (began = event.target));
  element.addEventListener("click", (event) => event.target === element && began === element && element.close());
  document.body.append(element);
  element.showModal();
  (foot.querySelector("[data-first]") ?? heading).focus();
  const show = (newTitle, newBody, newActions = []) => {
    const hadFocus = element.contains(document.activeElement);
    put(heading, newTitle);
    put(content, newBody);
    put(foot, newActions);
    const isLost = document.activeElement === heading || !element.contains(document.activeElement);
    if (hadFocus && isLost) (foot.querySelector("[data-first]") ?? heading).focus();
  };
  return { element, content, foot, show, close: (value) => element.close(value), add: (...more) => fill(content, more) };
}

/** Asks before something that cannot be taken back. */
export function ask({ title, body, yes, danger = false }) {
  return new Promise((resolve) => {
    let answer = false;
    const decide = () => {
      answer = true;
      dialog.close();
    };
    const dialog = openDialog({
      title,
      body,
      actions: [
        h("button", { type: "button", "data-first": true, onclick: () => dialog.close() }, "Leave it"),
        h("button", { type: "button", class: danger ? "danger" : "primary", onclick: decide }, yes),
      ],
      onclose: () => resolve(answer),
    });
  });
}
