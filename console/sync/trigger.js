// Asking for a sync: the request, and what an answer means.

import { part, post, wish } from "../lib/api.js";

/** The body for what was chosen; what was not chosen is not said. */
function bodyOf(options) {
  return Object.fromEntries(
    Object.entries(options).filter(
      ([, value]) => value !== false && value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0),
    ),
  );
}

/** What a sync of everything in a workspace is asked for with, in place of a source. */
export const everythingIn = ({ slug, name }) => ({ id: slug, name, kind: "workspace" });

/** Asks; the answer is the run, with its `outcome`. One press is one wish, however often it has to be sent. */
export async function askForSync({ id, kind }, options = {}) {
  const of = kind === "workspace" ? "workspaces" : "sources";
  const run = await post(`/v1/${of}/${part(id)}/sync`, bodyOf(options), { headers: wish() });
  announceRun(run);
  return run;
}

const listeners = new Set();

/** Calls `listener(run)` whenever something was begun here; the answer stops it. */
export function whenBegun(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function announceRun(run) {
  if (run?.id) for (const listener of [...listeners]) listener(run);
}

export const cancelRun = (id) => post(`/v1/runs/${part(id)}/cancel`);
export const retryRun = async (id) => {
  const run = await post(`/v1/runs/${part(id)}/retry`, undefined, { headers: wish() });
  announceRun(run);
  return run;
};
