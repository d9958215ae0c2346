// The members of a workspace and their roles. They are for admins to see and to change.

import { get, part, put as write, remove } from "../lib/api.js";
import { roles } from "../lib/config.js";
import { code, h, put } from "../lib/dom.js";
import { me } from "../lib/session.js";
import { when } from "../lib/time.js";
import { busy, button, field, form, toast } from "../shell/busy.js";
import { ask } from "../shell/dialog.js";
import { empty, filters, pagedTable, searchField, selectField } from "../shell/list.js";
import { forAdmins, forget, workspaceHead, workspaceOf } from "./look.js";

const MAY = {
  viewer: "may look",
  member: "may sync repositories and documents",
  coordinator: "may sync integrations too",
  maintainer: "may sync code indexes too",
  admin: "may do everything here",
};

export default async function members(context) {
  const { main, params, signal } = context;
  const workspace = await workspaceOf(params.workspace, signal);
  if (!forAdmins(context, workspace, "Members", "see and change members")) return;
  const path = `/v1/workspaces/${part(workspace.slug)}/members`;
  let wanted = "";
  const table = pagedTable({
    label: "Members",
    noun: "member",
    signal,
    columns: columns(path, () => table.reload(), workspace),
    fetchPage: async () => ({ rows: (await get(path, {}, signal)).members, next: null }),
    matches: ({ user, role }) => `${user} ${role}`.toLowerCase().includes(wanted),
    none: () => empty("Nobody is a member yet", "Operators see this workspace all the same. Add the first member above."),
  });
  const search = filters([searchField("Filter by name or role", "q")], ({ q }) => {
    wanted = q.trim().toLowerCase();
    table.refilter();
  });
  put(main, workspaceHead(context, workspace, "Members"), adder(path, table.reload), search, table.element);
  await table.reload();
}

function adder(path, done) {
  const user = h("input", { name: "user", autocomplete: "off", spellcheck: "false", required: true });
  const role = selectField(
    "Role",
    "role",
    roles().map((one) => [one, one]),
    "member",
  );
  return h(
    "details",
    { class: "panel adder" },
    h("summary", {}, "Add a member"),
    form(
      [
        h(
          "div",
          { class: "field-row" },
          field("User", user, "The sub of their token, as their organisation knows them."),
          field("Role", role),
        ),
      ],
      "Add",
      async (values, element) => {
        if (!values.user.trim()) throw new Error("Say who.");
        await write(`${path}/${part(values.user.trim())}`, { role: values.role });
        element.reset();
        toast("They are a member now.");
        done();
      },
    ),
    h(
      "dl",
      { class: "roles" },
      roles().map((one) => h("div", {}, h("dt", {}, one), h("dd", {}, MAY[one]))),
    ),
  );
}

const columns = (path, reload, workspace) => [
  { name: "User", kind: "main", cell: ({ user }) => [code(user), user === me().user && h("span", { class: "badge" }, "you")] },
  { name: "Role", cell: (member) => chooser(path, member, reload, workspace) },
  { name: "Since", cell: (member) => when(member.added_at) },
  {
    name: "",
    kind: "actions",
    cell: ({ user }) =>
      button(
        "Remove",
        async () => {
          const sure = await ask({
            title: "Remove this member?",
            body: h("p", {}, code(user), " will not see this workspace any more, and the API tokens they made end."),
            yes: "Remove",
            danger: true,
          });
          if (!sure) return;
          await remove(`${path}/${part(user)}`);
          forget(workspace.slug);
          reload();
        },
        { class: "small", "aria-label": `Remove ${user}` },
      ),
  },
];

function chooser(path, { user, role }, reload, workspace) {
  const select = selectField(
    `Role of ${user}`,
    "role",
    roles().map((one) => [one, one]),
    role,
  );
  select.addEventListener("change", () =>
    busy(select, async () => {
      try {
        await write(`${path}/${part(user)}`, { role: select.value });
        forget(workspace.slug);
        toast(`${user} is now ${select.value}.`);
      } catch (why) {
        reload();
        throw why;
      }
    }),
  );
  return select;
}
