// Every page there is: its address, which is the API's without /v1, and the module that makes it.

export const PAGES = [
  { path: "/", load: () => import("../pages/workspaces.js") },
  { path: "/signed-in", load: () => import("../pages/workspaces.js") },
  { path: "/workspaces/:workspace", load: () => import("../pages/sources.js") },
  { path: "/workspaces/:workspace/runs", load: () => import("../pages/workspace-runs.js") },
  { path: "/workspaces/:workspace/members", load: () => import("../pages/members.js") },
  { path: "/workspaces/:workspace/tokens", load: () => import("../pages/tokens.js") },
  { path: "/workspaces/:workspace/audit", load: () => import("../pages/audit.js") },
  { path: "/workspaces/:workspace/settings", load: () => import("../pages/workspace-settings.js") },
  { path: "/sources/:source", load: () => import("../pages/source.js") },
  { path: "/sources/:source/items", load: () => import("../pages/items.js") },
  { path: "/sources/:source/runs", load: () => import("../pages/source-runs.js") },
  { path: "/sources/:source/held", load: () => import("../pages/held.js") },
  { path: "/sources/:source/settings", load: () => import("../pages/source-settings.js") },
  { path: "/runs/:run", load: () => import("../pages/run.js") },
];

const part = encodeURIComponent;
export const toWorkspace = (slug, tab) => `/workspaces/${part(slug)}${tab ? `/${tab}` : ""}`;
export const toSource = (id, tab) => `/sources/${part(id)}${tab ? `/${tab}` : ""}`;
export const toRun = (id) => `/runs/${part(id)}`;
