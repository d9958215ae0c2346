// Lists that come in pages: rows are added as they are asked for, a filter looks through as many as it needs, and
// however long a list is, no more of it is in the page than somebody asked to see.

import { isAbort } from "../lib/api.js";
import { announce, h, put } from "../lib/dom.js";
import { count } from "../lib/text.js";
import { button } from "./busy.js";

const AT_A_TIME = 50;
/** Looking for matches, this many pages are fetched before somebody is asked whether to go on. */
const PAGES_AT_A_TIME = 10;

/** What stands where there is nothing, and what to do about it. */
export const empty = (title, ...more) =>
  h(
    "div",
    { class: "empty" },
    h("h2", {}, title),
    more.map((one) => (typeof one === "string" ? h("p", {}, one) : one)),
  );

export function failed(why, again) {
  return h(
    "div",
    { class: "empty bad" },
    h("h2", {}, why.body?.title ?? "This could not be shown"),
    h("p", {}, why.message),
    again && button("Try again", again),
  );
}

/** Rows that hold the place of what is on its way. */
export const skeleton = (rows = 6) =>
  h(
    "div",
    { class: "skeleton", "aria-hidden": "true" },
    Array.from({ length: rows }, () => h("div")),
  );

function headOf(columns) {
  const name = (column) => column.name || h("span", { class: "unseen" }, "Actions");
  const cells = columns.map((column) => h("th", { scope: "col", class: column.kind ?? null }, name(column)));
  return h("thead", {}, h("tr", {}, cells));
}

function line(columns, row) {
  const cells = columns.map((column) => h("td", { class: column.kind ?? null, "data-name": column.name }, h("div", {}, column.cell(row))));
  return h("tr", {}, cells);
}

/** How many are shown, among how many, and the way to more. */
function footOf({ rows, shown, seen, done }, noun, more) {
  const left = seen < rows.length || !done;
  const told = shown === seen ? count(shown, noun) : `${count(shown, noun)} among ${seen} looked through`;
  return [h("span", {}, left ? `${told} so far` : told), left && button(shown ? "Show more" : "Look further", more, { class: "quiet" })];
}

/**
 * A table whose rows come from `fetchPage(cursor) -> {rows, next}`. `columns` are `{name, cell, kind}`; `matches` says
 * which rows a filter lets through. `none` is shown where there are no rows at all.
 */
export function pagedTable({ label, columns, fetchPage, matches = () => true, none, onRows = () => {}, signal, noun = "row" }) {
  const body = h("tbody");
  const table = h("table", { "aria-label": label }, headOf(columns), body);
  const foot = h("div", { class: "list-foot", role: "status" });
  const place = h("div", { class: "list" }, skeleton());
  let state = null;

  /** Shows more: from what is at hand first, then from the API. */
  async function more(mine) {
    const wanted = state.shown + AT_A_TIME;
    let pages = 0;
    for (;;) {
      while (state.seen < state.rows.length && state.shown < wanted) {
        const row = state.rows[state.seen++];
        if (!matches(row)) continue;
        state.shown += 1;
        body.append(line(columns, row));
      }
      if (state.shown >= wanted || state.done || pages >= PAGES_AT_A_TIME) break;
      const page = await fetchPage(state.next);
      if (mine !== state) return;
      pages += 1;
      state.rows.push(...page.rows);
      state.next = page.next;
      state.done = !page.next;
      onRows(state.rows, state.done);
    }
    finish();
  }

  function finish() {
    const hadFocus = foot.contains(document.activeElement);
    const found = state.shown
      ? h("div", { class: "table-scroll" }, table)
      : empty("Nothing matches", "Loosen the filter, or look further back.");
    put(place, state.rows.length ? [found, foot] : none());
    put(
      foot,
      footOf(state, noun, () => more(state)),
    );
    if (hadFocus) foot.querySelector("button")?.focus();
  }

  async function guarded(work) {
    try {
      await work();
    } catch (why) {
      if (!isAbort(why) && !signal?.aborted) put(place, failed(why, reload));
    }
  }

  /** Begins anew, asking the API again. */
  function reload() {
    state = { rows: [], next: null, done: false, seen: 0, shown: 0 };
    put(body);
    return guarded(() => more(state));
  }

  /** Filters anew what is there. */
  function refilter() {
    if (!state) return undefined;
    state = { ...state, seen: 0, shown: 0 };
    put(body);
    return guarded(async () => {
      await more(state);
      announce(foot.firstChild?.textContent ?? "");
    });
  }

  return { element: place, reload, refilter };
}

/** A row of filters above a list; `change` is called with what they say, soon after the last of it was said. */
export function filters(fields, change) {
  const element = h("form", { class: "filters", role: "search" }, fields);
  let pending = null;
  const tell = () => change(Object.fromEntries(new FormData(element)));
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    tell();
  });
  element.addEventListener("input", (event) => {
    clearTimeout(pending);
    if (event.target.type === "search") pending = setTimeout(tell, 150);
    else tell();
  });
  return element;
}

export const searchField = (label, name, value = "") =>
  h("input", { type: "search", name, value, placeholder: label, "aria-label": label, autocomplete: "off", spellcheck: "false" });

export function selectField(label, name, options, value = "") {
  const select = h(
    "select",
    { name, "aria-label": label },
    options.map(([key, text]) => h("option", { value: key }, text)),
  );
  select.value = options.some(([key]) => key === value) ? value : "";
  return select;
}
