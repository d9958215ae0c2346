// What a workspace says otherwise than its deployment: cooldowns, the quota that is kept, and how much runs at once.

import { part, patch } from "../lib/api.js";
import { isAdmin, whyNot } from "../lib/config.js";
import { h, put } from "../lib/dom.js";
import { words } from "../lib/text.js";
import { milliseconds, span } from "../lib/time.js";
import { field, form, toast } from "../shell/busy.js";
import { forget, workspaceHead, workspaceOf } from "./look.js";

/** Those that something here obeys. */
const KINDS = ["repository", "documents"];

export default async function workspaceSettings(context) {
  const { main, params, signal } = context;
  const workspace = await workspaceOf(params.workspace, signal);
  const head = workspaceHead(context, workspace, "Settings");
  put(
    main,
    head,
    isAdmin(workspace.role)
      ? editable(workspace, context)
      : [h("p", { class: "why-not" }, whyNot(workspace.role, "administer", "change settings")), readable(workspace)],
  );
}

function readable(workspace) {
  const rows = [
    ...KINDS.map((kind) => [
      `Cooldown of a ${kind}`,
      workspace.cooldowns[kind] ? span(milliseconds(workspace.cooldowns[kind])) : "the deployment's",
    ]),
    ["Quota kept", workspace.quota_floor ?? "the deployment's"],
    ["Runs at once", workspace.max_concurrent_runs ?? "no limit"],
  ];
  return h(
    "section",
    { class: "panel", "aria-label": "Settings" },
    h(
      "dl",
      { class: "facts stacked" },
      rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );
}

function editable(workspace, context) {
  const input = (name, value, more = {}) => h("input", { name, value: value ?? "", autocomplete: "off", spellcheck: "false", ...more });
  const minutes = (kind) => (workspace.cooldowns[kind] ? milliseconds(workspace.cooldowns[kind]) / 60_000 : null);
  const fields = [
    field("Name", input("name", workspace.name, { maxlength: "200" })),
    h(
      "fieldset",
      {},
      h("legend", {}, "Minutes between syncs by hand"),
      h(
        "div",
        { class: "field-row" },
        KINDS.map((kind) =>
          field(
            words(kind),
            input(`cooldown-${kind}`, minutes(kind), { type: "number", min: "0", step: "any", placeholder: "the deployment's" }),
          ),
        ),
      ),
    ),
    field(
      "Requests to keep",
      input("quota_floor", workspace.quota_floor, { type: "number", min: "0", placeholder: "the deployment's" }),
      "A sync by hand is refused when the provider has fewer left.",
    ),
    field(
      "Runs at once",
      input("max_concurrent_runs", workspace.max_concurrent_runs, { type: "number", min: "1", placeholder: "no limit" }),
      "Whoever finds no place waits, and says so.",
    ),
  ];
  const whole = (text) => (text === "" ? null : Number(text));
  const element = form(fields, "Save", async (values) => {
    const cooldowns = Object.fromEntries(
      KINDS.map((kind) => [kind, values[`cooldown-${kind}`] === "" ? null : `PT${Math.round(Number(values[`cooldown-${kind}`]) * 60)}S`]),
    );
    await patch(`/v1/workspaces/${part(workspace.slug)}`, {
      name: values.name,
      cooldowns,
      quota_floor: whole(values.quota_floor),
      max_concurrent_runs: whole(values.max_concurrent_runs),
    });
    forget(workspace.slug);
    toast("Saved.");
    context.turn();
  });
  return h("section", { class: "panel narrow", "aria-label": "Settings" }, element);
}
