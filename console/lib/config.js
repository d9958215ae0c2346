// What the deployment says of itself, and from it: who may do what.

import { words } from "./text.js";

let config = null;

export async function loadConfig() {
  const reply = await fetch("/config.json");
  if (!reply.ok) throw new Error(`/config.json answered ${reply.status}`);
  config = await reply.json();
}

export const deployment = () => config;

const TO_SYNC = {
  repository: "sync_issues",
  documents: "sync_documents",
  index: "sync_index",
  integration: "sync_integration",
  workspace: "sync_workspace",
};

export const may = (role, right) => config.rights[role]?.includes(right) ?? false;
/** A run of no kind is a workspace's. */
export const rightToSync = (kind) => TO_SYNC[kind ?? "workspace"] ?? "administer";
export const mayRun = (role, { kind }) => may(role, rightToSync(kind));
export const isAdmin = (role) => may(role, "administer");
export const roles = () => ["viewer", "member", "coordinator", "maintainer", "admin"].filter((role) => config.rights[role]);

/** The roles that have a right, from least to most. */
export const whoMay = (right) => roles().filter((role) => may(role, right));

/** Why someone sees no button, in a sentence. */
export function whyNot(role, right, what) {
  const others = whoMay(right).map((other) => `${other}s`);
  const last = others.pop();
  return `You are a ${role} here: ${others.length ? `${others.join(", ")} and ${last}` : last} may ${what}.`;
}

const NAMES = { github: "GitHub", gitlab: "GitLab", bitbucket: "Bitbucket", dynamics: "Dynamics 365" };
export const providerName = (name) => NAMES[name] ?? words(name);

/** What people call a stream. Entities are called as their vendor calls them. */
export const streamName = (stream) => (stream.startsWith("entity:") ? stream.slice(7) : words(stream));

/** The streams that a source can list. */
export function streamsOf(source) {
  if (source.kind === "integration") return source.streams;
  return config.providers.find((provider) => provider.name === source.provider)?.streams ?? [];
}
