// Everything by a few letters: pages, sources, and what can be done here. The keys that lead somewhere at once are told
// in the same place.

import { get, part } from "../lib/api.js";
import { h, isTyping, put, said } from "../lib/dom.js";
import { go } from "../lib/router.js";
import { toSource, toWorkspace } from "../lib/routes.js";
import { leave, me } from "../lib/session.js";
import { openDialog } from "./dialog.js";
import { nextScheme } from "./theme.js";

const MOST = 12;
let offered = [];
let place = { workspace: null, source: null };

/** What the present page adds: `{title, key, run}`. */
export function offer(commands, where = {}) {
  offered = commands;
  place = { workspace: where.workspace ?? null, source: where.source ?? null };
}

function commands() {
  const { workspace, source } = place;
  const pages = [{ title: "All workspaces", key: "g h", run: () => go("/") }];
  if (workspace) {
    for (const [tab, title, key] of [
      ["", "Sources", "g s"],
      ["runs", "Runs", "g r"],
      ["members", "Members", "g m"],
      ["tokens", "Tokens", "g t"],
      ["audit", "Audit", "g a"],
      ["settings", "Settings", null],
    ]) {
      pages.push({ title: `${title} of ${workspace}`, key, run: () => go(toWorkspace(workspace, tab)) });
    }
  }
  if (source) {
    for (const [tab, title, key] of [
      ["", "Overview", "o"],
      ["items", "Items", "i"],
      ["runs", "Runs", "u"],
      ["settings", "Settings", ","],
    ]) {
      pages.push({ title: `${title} of ${source}`, key, run: () => go(toSource(source, tab)) });
    }
  }
  const always = [
    { title: "Change colours", key: "c", run: nextScheme },
    { title: "API description", key: null, run: () => location.assign("/docs") },
    { title: "Sign out", key: null, run: () => leave("left") },
  ];
  return [...offered, ...pages, ...always];
}

/** Listens for keys, anywhere but in fields and dialogs. */
export function listenForKeys() {
  let before = "";
  let forget = null;
  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]") || !me()) return;
    if (event.key === "?") return openPalette();
    if (event.key === "/") {
      const search = document.querySelector("main input[type=search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
      return;
    }
    const keys = before ? `${before} ${event.key}` : event.key;
    const found = commands().find((command) => command.key === keys);
    clearTimeout(forget);
    before = !found && event.key === "g" ? "g" : "";
    forget = setTimeout(() => (before = ""), 1500);
    if (found) {
      event.preventDefault();
      found.run();
    }
  });
}

function typingField() {
  return h("input", {
    type: "text",
    role: "combobox",
    "aria-expanded": "true",
    "aria-controls": "palette-list",
    "aria-autocomplete": "list",
    "aria-label": "Find and do",
    placeholder: "A page, a source, or what to do",
    autocomplete: "off",
    spellcheck: "false",
  });
}

function keysOf({ key }) {
  return (
    key &&
    h(
      "span",
      { class: "keys" },
      key.split(" ").map((one) => h("kbd", {}, one)),
    )
  );
}

export function openPalette() {
  if (document.querySelector("dialog[open]") || !me()) return;
  const list = h("ul", { id: "palette-list", role: "listbox", "aria-label": "What can be done" });
  const input = typingField();
  const dialog = openDialog({
    title: "Find and do",
    kind: "palette",
    body: [input, list, h("p", { class: "hint" }, h("kbd", {}, "/"), " filters a list, ", h("kbd", {}, "?"), " opens this")],
  });
  let all = commands();
  let matching = [];
  let chosen = 0;
  const choose = (index) => {
    chosen = Math.max(0, Math.min(index, matching.length - 1));
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
    const item = list.children[chosen];
    item?.scrollIntoView({ block: "nearest" });
    if (item?.id) input.setAttribute("aria-activedescendant", item.id);
    else input.removeAttribute("aria-activedescendant");
  };
  const run = (command) => {
    dialog.close();
    command.run();
  };
  const draw = () => {
    const typed = input.value.trim().toLowerCase().split(/\s+/u);
    matching = all.filter((command) => typed.every((word) => command.title.toLowerCase().includes(word))).slice(0, MOST);
    const line = (command, index) =>
      h(
        "li",
        { role: "option", id: `palette-${index}`, onclick: () => run(command), onpointermove: () => chosen !== index && choose(index) },
        said(command.title, 90),
        keysOf(command),
      );
    put(
      list,
      matching.length ? matching.map(line) : h("li", { class: "faint", role: "option", "aria-disabled": "true" }, "Nothing of that name."),
    );
    choose(0);
  };
  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter" && matching[chosen]) run(matching[chosen]);
    else return;
    event.preventDefault();
  });
  draw();
  input.focus();
  known().then(
    (sources) => {
      all = [...commands(), ...sources];
      if (document.contains(list)) draw();
    },
    () => {},
  );
}

/** The workspaces, and the sources of the present one. */
async function known() {
  const { workspaces } = await get("/v1/workspaces");
  const found = workspaces.map(({ slug, name }) => ({ title: `Workspace ${name}`, key: null, run: () => go(toWorkspace(slug)) }));
  const slug = place.workspace ?? (workspaces.length === 1 ? workspaces[0].slug : null);
  if (!slug) return found;
  const { sources } = await get(`/v1/workspaces/${part(slug)}/sources`);
  return [...found, ...sources.map(({ id, name }) => ({ title: `Source ${name} (${id})`, key: null, run: () => go(toSource(id)) }))];
}
