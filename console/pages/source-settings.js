// The settings of a source, with the cord to pull above them: what is asked for, with which credential, and its end.

import { part, patch, post, remove } from "../lib/api.js";
import { isAdmin, providerName, streamName, streamsOf, whyNot } from "../lib/config.js";
import { code, h, put, said } from "../lib/dom.js";
import { listed, words } from "../lib/text.js";
import { when } from "../lib/time.js";
import { button, choice, field, form, toast } from "../shell/busy.js";
import { ask } from "../shell/dialog.js";
import { selectField } from "../shell/list.js";
import { go } from "../lib/router.js";
import { toWorkspace } from "../lib/routes.js";
import { sourceHead, sourceOf } from "./look.js";
import { rhythm, scheduleEditor } from "./schedule.js";

const DELIVERS = [
  ["", "Judge by what arrives"],
  ["yes", "Yes, it delivers"],
  ["no", "No"],
];

export default async function sourceSettings(context) {
  const { main, params, signal } = context;
  const looked = await sourceOf(params.source, signal);
  const { source, workspace } = looked;
  const head = sourceHead(context, looked, "Settings");
  if (!isAdmin(workspace.role)) {
    put(main, head, h("p", { class: "why-not" }, whyNot(workspace.role, "administer", "change a source")), readable(source));
    return;
  }
  put(
    main,
    head,
    h("section", { class: "panel narrow", "aria-label": "Settings" }, editable(source, context)),
    scheduleEditor(source, signal),
    rare(source, workspace),
  );
}

function rows(source) {
  return [
    ["Kind", words(source.kind)],
    source.provider && ["Provider", providerName(source.provider)],
    source.repository && ["Repository", code(source.repository)],
    source.base_url && ["Address", code(source.base_url)],
    source.path && ["Folder", code(source.path)],
    source.streams.length > 0 && ["Streams", source.streams.map(streamName).join(", ")],
    source.patterns.length > 0 && ["Patterns", source.patterns.map((one) => [code(one), " "])],
    source.provider && ["Credential", source.credential.set ? ["set, ends in ", code(source.credential.last4 ?? "")] : "none"],
    ["Syncs by itself", source.schedule ? rhythm(source.schedule) : "no"],
    ["Made", when(source.created_at)],
  ].filter(Boolean);
}

const readable = (source) =>
  h(
    "section",
    { class: "panel", "aria-label": "Settings" },
    h(
      "dl",
      { class: "facts stacked" },
      rows(source).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );

function editable(source, context) {
  const input = (name, value, more = {}) => h("input", { name, value: value ?? "", autocomplete: "off", spellcheck: "false", ...more });
  const known = streamsOf(source);
  const isFolder = source.kind === "documents";
  const isRepository = source.kind === "repository";
  const webhook = source.webhook.active === null ? "" : source.webhook.active ? "yes" : "no";
  const fields = [
    field("Name", input("name", source.name, { maxlength: "200" })),
    isRepository && field("Repository", input("repository", source.repository)),
    source.kind === "integration" && field("Entities", input("entities", source.entities.join(", ")), "Separated by commas."),
    isFolder && field("Folder", input("path", source.path)),
    isFolder && field("Patterns", input("patterns", source.patterns.join(", "), { placeholder: "**/*.md" }), "Separated by commas."),
    isRepository &&
      known.length > 1 &&
      h(
        "fieldset",
        {},
        h("legend", {}, "What to sync"),
        known.map((stream) => choice(words(stream), `stream-${stream}`, null, { checked: source.streams.includes(stream) })),
      ),
    !isFolder &&
      field(
        "New token",
        input("token", "", { type: "password" }),
        source.credential.set
          ? ["One is set; it ends in ", code(source.credential.last4 ?? ""), ". Left empty, it stays."]
          : "None is set.",
      ),
    isRepository &&
      field(
        "Does its webhook deliver?",
        selectField("Webhook", "webhook", DELIVERS, webhook),
        "Where it does, a sync by hand has to be confirmed.",
      ),
    choice("Part of what its workspace watches", "monitored", null, { checked: source.monitored }),
  ];
  return form(fields.filter(Boolean), "Save", async (values, element) => {
    await patch(`/v1/sources/${part(source.id)}`, changeOf(source, values, element));
    toast("Saved.");
    context.turn();
  });
}

/** What is said otherwise than it is. */
function changeOf(source, values, element) {
  const change = {};
  for (const name of ["name", "repository", "path"])
    if (values[name] !== undefined && values[name] !== (source[name] ?? "")) change[name] = values[name];
  if (values.patterns !== undefined) change.patterns = listed(values.patterns);
  if (values.entities !== undefined) {
    const entities = listed(values.entities);
    if (entities.join() !== source.entities.join()) change.entities = entities;
  }
  const streams = [...element.querySelectorAll("input[name^=stream-]:checked")].map((one) => one.name.slice(7));
  if (element.querySelector("input[name^=stream-]") && streams.join() !== source.streams.join()) change.streams = streams;
  if (values.token) change.credential = { token: values.token };
  if (values.webhook !== undefined) change.webhook = { active: { "": null, yes: true, no: false }[values.webhook] };
  if ((values.monitored === "on") !== source.monitored) change.monitored = values.monitored === "on";
  return change;
}

/** What is seldom done, and not by accident. */
function rare(source, workspace) {
  const reset = button(
    "Begin its first run again",
    async () => {
      const sure = await ask({
        title: "Begin its first run again?",
        body: h("p", {}, "Where an unfinished first run stopped is forgotten. The next run reads everything from the beginning."),
        yes: "Forget it",
        danger: true,
      });
      if (!sure) return;
      const answer = await post(`/v1/sources/${part(source.id)}/reset-backfill`);
      toast(answer.reset ? "Forgotten: the next run begins at the beginning." : "There is no unfinished first run to forget.");
    },
    { class: "danger" },
  );
  const end = button(
    "Delete this source",
    async () => {
      if (
        !(await ask({
          title: "Delete this source?",
          body: h(
            "p",
            {},
            "It is hidden at once, and everything synced from ",
            said(source.name, 80),
            " is removed here. Nothing is changed at its provider. Its id stays taken.",
          ),
          yes: "Delete",
          danger: true,
        }))
      )
        return;
      await remove(`/v1/sources/${part(source.id)}`);
      toast("It is being removed.");
      go(toWorkspace(workspace.slug));
    },
    { class: "danger" },
  );
  return h(
    "section",
    { class: "panel narrow rare", "aria-label": "Seldom needed" },
    h("h2", {}, "Seldom needed"),
    h("div", {}, h("p", {}, "A first run that stopped half-way goes on where it stopped."), reset),
    h("div", {}, h("p", {}, "A source that is not needed any more takes its items along."), end),
  );
}
