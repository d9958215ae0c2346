// The runs of one source: how long they took, how they ended, and each of them.

import { part } from "../lib/api.js";
import { put } from "../lib/dom.js";
import { whenBegun } from "../sync/trigger.js";
import { empty } from "../shell/list.js";
import { sourceHead, sourceOf } from "./look.js";
import { runsList } from "./runs-list.js";

export default async function sourceRuns(context) {
  const { main, params, query, signal } = context;
  const looked = await sourceOf(params.source, signal);
  const { parts, reload } = runsList({
    path: `/v1/sources/${part(looked.source.id)}/runs`,
    query,
    signal,
    none: () => empty("It has not run yet", "Press Sync, and the run stands here."),
  });
  put(main, sourceHead(context, looked, "Runs"), parts);
  signal.addEventListener(
    "abort",
    whenBegun((run) => run.source === looked.source.id && reload()),
  );
  await reload();
}
