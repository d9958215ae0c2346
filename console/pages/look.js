// What several pages look at: a workspace or a source with its tabs, and what the reader may do there.

import { get, part } from "../lib/api.js";
import { isAdmin, mayRun, providerName, whyNot } from "../lib/config.js";
import { toSource, toWorkspace } from "../lib/routes.js";
import { number } from "../lib/text.js";
import { pageHead, showCrumbs, tabs } from "../shell/frame.js";
import { empty } from "../shell/list.js";
import { offer } from "../shell/palette.js";
import { manualSyncButton, openOptions, pull } from "../sync/manual-sync-button.js";
import { code, h, put } from "../lib/dom.js";
import { pill } from "../shell/status.js";

const kept = new Map();

/** A workspace, with the reader's role in it. Its name and role hold for a while. */
export async function workspaceOf(slug, signal) {
  const found = kept.get(slug);
  if (found && Date.now() - found.at < 30_000) return found.workspace;
  const workspace = await get(`/v1/workspaces/${part(slug)}`, {}, signal);
  kept.set(slug, { workspace, at: Date.now() });
  return workspace;
}

export const forget = (slug) => kept.delete(slug);

/** The head of a workspace's pages. */
export function workspaceHead(context, workspace, tab, { actions = [], commands = [] } = {}) {
  const { slug, name, role } = workspace;
  const admin = isAdmin(role);
  context.title(`${tab || "Sources"} · ${name}`);
  showCrumbs([["Workspaces", "/"], [name]]);
  offer(commands, { workspace: slug });
  const entries = [
    ["Sources", toWorkspace(slug)],
    ["Runs", toWorkspace(slug, "runs")],
    admin && ["Members", toWorkspace(slug, "members")],
    admin && ["Tokens", toWorkspace(slug, "tokens")],
    admin && ["Audit", toWorkspace(slug, "audit")],
    ["Settings", toWorkspace(slug, "settings")],
  ];
  return [
    pageHead(name, { under: [code(slug), h("span", {}, `you are ${/^[aeiou]/u.test(role) ? "an" : "a"} ${role}`)], actions }),
    tabs(`Pages of ${name}`, entries.filter(Boolean)),
  ];
}

/** Whether the reader may see a page for admins; to others it says that it is one. */
export function forAdmins(context, workspace, tab, what) {
  if (isAdmin(workspace.role)) return true;
  put(context.main, workspaceHead(context, workspace, tab), empty("For admins", whyNot(workspace.role, "administer", what)));
  return false;
}

/** A source with its workspace. */
export async function sourceOf(id, signal) {
  const source = await get(`/v1/sources/${part(id)}`, {}, signal);
  return { source, workspace: await workspaceOf(source.workspace, signal) };
}

/** The head of a source's pages, with the cord to pull. */
export function sourceHead(context, { source, workspace }, tab) {
  context.title(`${tab ? `${tab} · ` : ""}${source.name}`);
  showCrumbs([["Workspaces", "/"], [workspace.name, toWorkspace(workspace.slug)], [source.name]]);
  const commands = mayRun(workspace.role, source)
    ? [
        { title: `Sync ${source.name}`, key: "s", run: () => pull(document.querySelector(".sync"), source, workspace.role, {}) },
        { title: `Sync ${source.name} with options`, key: "S", run: () => openOptions(source, workspace.role) },
      ]
    : [];
  offer(commands, { workspace: workspace.slug, source: source.id });
  const held = source.held_deletions;
  const entries = [
    ["Overview", toSource(source.id)],
    ["Items", toSource(source.id, "items"), source.item_count ? number(source.item_count) : null],
    ["Runs", toSource(source.id, "runs")],
    (held > 0 || tab === "Held back") && ["Held back", toSource(source.id, "held"), held > 0 && number(held)],
    ["Settings", toSource(source.id, "settings")],
  ];
  const under = [pill(source.status), code(source.id), h("span", {}, where(source))];
  return [
    pageHead(source.name, { under, actions: [manualSyncButton(source, workspace.role)] }),
    tabs(`Pages of ${source.name}`, entries.filter(Boolean)),
  ];
}

/** What a source is, in a few words. */
export function where(source) {
  if (source.kind === "documents") return "Folder of documents";
  const provider = providerName(source.provider ?? source.kind);
  return source.repository ? [provider, " ", code(source.repository)] : provider;
}
