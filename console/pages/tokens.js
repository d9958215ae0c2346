// API tokens for scripts. A token is shown once, when it is made.

import { get, part, post, remove } from "../lib/api.js";
import { roles } from "../lib/config.js";
import { code, h, put, said } from "../lib/dom.js";
import { at, now, when } from "../lib/time.js";
import { button, field, form, toast } from "../shell/busy.js";
import { ask, openDialog } from "../shell/dialog.js";
import { empty, pagedTable, selectField } from "../shell/list.js";
import { forAdmins, workspaceHead, workspaceOf } from "./look.js";

const DAY = 86_400_000;
const ENDS = [
  ["30", "in 30 days"],
  ["90", "in 90 days"],
  ["365", "in a year"],
  ["", "never"],
];

export default async function tokens(context) {
  const { main, params, signal } = context;
  const workspace = await workspaceOf(params.workspace, signal);
  const path = `/v1/workspaces/${part(workspace.slug)}/tokens`;
  if (!forAdmins(context, workspace, "Tokens", "see and make tokens")) return;
  const table = pagedTable({
    label: "Tokens",
    noun: "token",
    signal,
    columns: columns(path, () => table.reload()),
    fetchPage: async () => ({ rows: (await get(path, {}, signal)).tokens, next: null }),
    none: () =>
      empty(
        "No tokens yet",
        "A token lets a script do what a role may do in this workspace, and nothing elsewhere.",
        h("p", {}, h("button", { type: "button", class: "primary", onclick: () => openNew(path, table.reload) }, "New token")),
      ),
  });
  const make = h("button", { type: "button", onclick: () => openNew(path, table.reload) }, "New token");
  put(
    main,
    workspaceHead(context, workspace, "Tokens", {
      actions: [make],
      commands: [{ title: "New token", key: "n", run: () => openNew(path, table.reload) }],
    }),
    table.element,
  );
  await table.reload();
}

const columns = (path, reload) => [
  { name: "Name", kind: "main", cell: ({ name, id }) => [said(name, 80), h("span", { class: "row-under" }, code(id))] },
  { name: "Role", cell: ({ role }) => role },
  { name: "Made", cell: ({ created_at: made, created_by: by }) => [when(made), " by ", said(by, 40)] },
  { name: "Ends", cell: ({ expires_at: ends }) => (ends && at(ends) < now() ? h("span", { class: "pill bad" }, "has ended") : when(ends)) },
  {
    name: "",
    kind: "actions",
    cell: ({ id, name }) =>
      button(
        "Revoke",
        async () => {
          if (
            !(await ask({
              title: "Revoke this token?",
              body: h("p", {}, "Whatever uses ", said(name, 80), " is refused from now on."),
              yes: "Revoke",
              danger: true,
            }))
          )
            return;
          await remove(`${path}/${part(id)}`);
          reload();
        },
        { class: "small", "aria-label": `Revoke ${name}` },
      ),
  },
];

function openNew(path, done) {
  const name = h("input", { name: "name", autocomplete: "off", maxlength: "200", required: true });
  const body = form(
    [
      field("Name", name, "What it is for."),
      field(
        "Role",
        selectField(
          "Role",
          "role",
          roles().map((one) => [one, one]),
          "member",
        ),
      ),
      field("Ends", selectField("Ends", "days", ENDS, "90")),
    ],
    "Make it",
    async ({ name: called, role, days }) => {
      const expires = days ? new Date(now() + Number(days) * DAY).toISOString().replace(/\.\d+Z/u, "Z") : undefined;
      const made = await post(path, { name: called, role, ...(expires ? { expires } : {}) });
      done();
      showOnce(dialog, made);
    },
  );
  const dialog = openDialog({ title: "New token", body });
  name.focus();
}

/** The token, for the only time. */
function showOnce(dialog, { token, name }) {
  const shown = h("input", {
    class: "secret",
    readonly: true,
    value: token,
    "aria-label": "The token",
    onfocus: (event) => event.target.select(),
  });
  const copy = button(
    "Copy",
    async () => {
      // Browsers keep the clipboard from pages that came over plain http.
      await navigator.clipboard?.writeText(token);
      shown.select();
      toast(navigator.clipboard ? "Copied." : "It is marked: copy it with the keyboard.");
    },
    { class: "primary", "data-first": true },
  );
  dialog.show(
    ["Token ", said(name, 60)],
    [h("p", {}, "Copy it now: it is not shown again, and nobody can look it up."), shown],
    [copy, h("button", { type: "button", onclick: () => dialog.close() }, "Done")],
  );
}
