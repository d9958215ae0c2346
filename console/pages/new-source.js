// A new source: a repository of a forge or an integration of a business system that this deployment knows, or a folder of documents.

import { part, post } from "../lib/api.js";
import { deployment, providerName } from "../lib/config.js";
import { h, put } from "../lib/dom.js";
import { go } from "../lib/router.js";
import { toSource } from "../lib/routes.js";
import { listed, words } from "../lib/text.js";
import { choice, field, form } from "../shell/busy.js";
import { openDialog } from "../shell/dialog.js";
import { selectField } from "../shell/list.js";

const text = (name, more = {}) => h("input", { name, autocomplete: "off", spellcheck: "false", ...more });

export function openNewSource(workspace) {
  const { providers } = deployment();
  const kind = selectField(
    "What",
    "what",
    [
      ...providers.map(({ name, kind: of }) => [
        name,
        of === "integration" ? `Integration of ${providerName(name)}` : `Repository on ${providerName(name)}`,
      ]),
      ["documents", "Folder of documents"],
    ],
    providers[0]?.name ?? "documents",
  );
  const details = h("div", { class: "fields" });
  const id = text("id", { maxlength: "64" });
  id.addEventListener("input", () => (id.dataset.own = "yes"));
  const suggest = (value) => {
    if (!id.dataset.own)
      id.value = value
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/gu, "-")
        .replaceAll(/^-|-$/gu, "")
        .slice(0, 64);
  };
  const draw = () => {
    const provider = providers.find(({ name }) => name === kind.value);
    if (!provider) put(details, folder(suggest));
    else put(details, provider.kind === "integration" ? integration(provider, suggest) : repository(provider, suggest));
  };
  kind.addEventListener("change", draw);
  draw();
  const body = form(
    [
      field("What it is", kind),
      details,
      field("Name", text("name", { maxlength: "200" }), "As people call it; its id if left empty."),
      field("Id", id, "Lower case, in addresses and scripts. It cannot be changed later."),
    ],
    "Add it",
    async (values, element) => {
      const made = await post(`/v1/workspaces/${part(workspace.slug)}/sources`, bodyOf(values, element));
      dialog.close();
      go(toSource(made.id));
    },
  );
  const dialog = openDialog({ title: "New source", kind: "wide-dialog", body });
  kind.focus();
}

function repository({ name, base_url: base, streams }, suggest) {
  const named = text("repository", { placeholder: "owner/name" });
  named.addEventListener("input", () => suggest(named.value));
  return [
    field("Repository", named),
    field("Token", text("token", { type: "password" }), "What it is asked with. It is sealed, and never shown again."),
    streams.length > 1 &&
      h(
        "fieldset",
        {},
        h("legend", {}, "What to sync"),
        streams.map((stream, index) => choice(words(stream), `stream-${stream}`, null, { checked: index === 0 })),
      ),
    h(
      "details",
      {},
      h("summary", {}, `Not on ${new URL(base).hostname}?`),
      field("Address of its API", text("base_url", { placeholder: base })),
    ),
  ];
}

function integration({ name, base_url: base }, suggest) {
  suggest(name);
  return [
    field("Entities", text("entities", { placeholder: "projects, customers" }), "As the vendor spells them, separated by commas."),
    field("Token", text("token", { type: "password" }), "What it is asked with. It is sealed, and never shown again."),
    field("Address", text("base_url", { placeholder: base })),
    field("Type", text("integration_type", { placeholder: name }), "A workspace has one integration of a type."),
  ];
}

function folder(suggest) {
  const path = text("path", { placeholder: "/srv/projects/handbook" });
  path.addEventListener("input", () => suggest(path.value.split("/").filter(Boolean).at(-1) ?? ""));
  return [
    field("Folder", path, "It must lie under a folder that the deployment allows."),
    field("Patterns", text("patterns", { placeholder: "**/*.md" }), "Which files, separated by commas; every document if left empty."),
  ];
}

/** What was said, as the API wants it; what was left empty is not said. */
function bodyOf(values, element) {
  const { what, id, name, repository: named, token, base_url: base, path, patterns } = values;
  const said = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value));
  if (what === "documents")
    return {
      id,
      kind: "documents",
      ...said({ name, path }),
      ...(patterns ? { patterns: listed(patterns) } : {}),
    };
  if (values.entities !== undefined)
    return {
      id,
      kind: "integration",
      provider: what,
      entities: listed(values.entities),
      ...said({ name, base_url: base, integration_type: values.integration_type }),
      ...(token ? { credential: { token } } : {}),
    };
  const streams = [...element.querySelectorAll("input[name^=stream-]:checked")].map((input) => input.name.slice(7));
  return {
    id,
    kind: "repository",
    provider: what,
    ...said({ name, repository: named, base_url: base }),
    ...(token ? { credential: { token } } : {}),
    ...(streams.length ? { streams } : {}),
  };
}
