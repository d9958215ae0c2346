// All runs of a workspace, newest first.

import { part } from "../lib/api.js";
import { put } from "../lib/dom.js";
import { empty } from "../shell/list.js";
import { workspaceHead, workspaceOf } from "./look.js";
import { runsList } from "./runs-list.js";

export default async function workspaceRuns(context) {
  const { main, params, query, signal } = context;
  const workspace = await workspaceOf(params.workspace, signal);
  const { parts, reload } = runsList({
    path: `/v1/workspaces/${part(workspace.slug)}/runs`,
    query,
    signal,
    ofWorkspace: true,
    none: () =>
      empty("Nothing has run yet", "As soon as a source is synced, its run stands here with everything that is on record about it."),
  });
  put(main, workspaceHead(context, workspace, "Runs"), parts);
  await reload();
}
