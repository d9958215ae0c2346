// All workspaces that the reader can see, and the place where a new one is made.

import { get, post } from "../lib/api.js";
import { deployment } from "../lib/config.js";
import { code, h, put, said } from "../lib/dom.js";
import { go } from "../lib/router.js";
import { toWorkspace } from "../lib/routes.js";
import { me } from "../lib/session.js";
import { field, form } from "../shell/busy.js";
import { openDialog } from "../shell/dialog.js";
import { pageHead, showCrumbs } from "../shell/frame.js";
import { empty } from "../shell/list.js";
import { offer } from "../shell/palette.js";

export default async function workspaces({ main, signal, title }) {
  title("Workspaces");
  const { workspaces: found } = await get("/v1/workspaces", {}, signal);
  showCrumbs([["Workspaces"]]);
  const may = me().operator || deployment().open_workspaces;
  if (may) offer([{ title: "New workspace", key: "n", run: openNew }]);
  const make = may && h("button", { type: "button", class: found.length ? "" : "primary", onclick: openNew }, "New workspace");
  const none = may
    ? empty("No workspace yet", "A workspace holds sources, and the people who may sync them.", make)
    : empty("You are in no workspace yet", h("p", {}, "Ask an admin to make you a member. You are known here as ", code(me().user), "."));
  const cards = h(
    "ul",
    { class: "cards" },
    found.map((one) =>
      h(
        "li",
        {},
        h(
          "a",
          { class: "card", href: toWorkspace(one.slug) },
          h("span", { class: "card-name" }, said(one.name, 80)),
          h("span", { class: "card-under" }, code(one.slug), h("span", {}, one.role)),
        ),
      ),
    ),
  );
  put(main, pageHead("Workspaces", { actions: found.length ? [make] : [] }), found.length ? cards : none);
}

function openNew() {
  const name = h("input", { name: "name", required: true, autocomplete: "off", maxlength: "200" });
  const slug = h("input", {
    name: "slug",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
    maxlength: "64",
    pattern: "[a-z0-9][a-z0-9._\\-]*",
  });
  name.addEventListener("input", () => {
    if (slug.dataset.own) return;
    slug.value = name.value
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/gu, "-")
      .replaceAll(/^-|-$/gu, "")
      .slice(0, 64);
  });
  slug.addEventListener("input", () => (slug.dataset.own = "yes"));
  const body = form(
    [field("Name", name), field("Id", slug, "Lower case, in addresses and scripts. It cannot be changed later.")],
    "Make it",
    async (values) => {
      const made = await post("/v1/workspaces", values);
      dialog.close();
      go(toWorkspace(made.slug));
    },
  );
  const dialog = openDialog({ title: "New workspace", body });
  name.focus();
}
