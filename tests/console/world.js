// Pullcord as a browser meets it: a `pullcord up` of its own on a port of its own, a simulated forge beside it, and a
// Chromium that looks at them. Nothing here sleeps; everything waits for what it wants to see.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { callers, ended, started, tokenOf, until, upFrom } from "./processes.js";

export { tokenOf, until };

const here = dirname(fileURLToPath(import.meta.url));
/** Where screenshots go. */
export const pictures = join(here, "screenshots");

/** A world, whose `close` ends all of it. */
export async function world({ environment = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "pullcord-console-"));
  const documents = join(folder, "documents");
  mkdirSync(documents);
  const up = (listen) => upFrom(join(folder, "data"), { PULLCORD_DOCUMENT_ROOTS: documents, ...environment }, listen);
  const [forge, first] = await Promise.all([started("forge", []), up()]);
  const browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--host-resolver-rules=MAP pullcord.test 127.0.0.1"],
  });
  let local = first;
  const url = first.url;
  const { api, tell, asked } = callers(url, forge.url);

  /** Lets go what hangs, once the request that is to hang has come. */
  async function release(repository, nth) {
    await until(async () => (await asked(repository.issues)).length >= nth, `request ${nth} to ${repository.name}`);
    await tell("release");
  }

  let named = 0;
  const fresh = (prefix) => `${prefix}-${(named += 1)}`;

  /** A workspace whose sources rest for no time, unless it is told otherwise. */
  async function workspace(cooldown = "PT0S") {
    const slug = fresh("ws");
    await api("POST", "/v1/workspaces", { slug, name: `Team ${slug}` });
    await api("PATCH", `/v1/workspaces/${slug}`, { cooldowns: { workspace: cooldown, repository: cooldown, documents: cooldown } });
    return slug;
  }

  /** A source that is a repository of the forge, with so many issues. */
  async function repository(slug, issues, more = {}) {
    const id = fresh("repo");
    const name = `acme/${id}`;
    await tell("seed", { repository: name, count: issues, closed_percent: 0 });
    const source = {
      id,
      kind: "repository",
      provider: "github",
      repository: name,
      base_url: forge.url,
      credential: { token: `token-of-${id}` },
      ...more,
    };
    await api("POST", `/v1/workspaces/${slug}/sources`, source);
    return { id, name, issues: `/repos/${name}/issues` };
  }

  /** A folder of documents, as a source. */
  async function folderOf(slug, count) {
    const id = fresh("docs");
    const path = join(documents, id);
    mkdirSync(path);
    const file = (number) => join(path, `${String(number).padStart(4, "0")}.md`);
    for (let number = 0; number < count; number += 1) writeFileSync(file(number), `# Document ${number}\n`);
    await api("POST", `/v1/workspaces/${slug}/projects`, { id, name: `Documents ${id}`, path });
    return { id, path, remove: (from, to) => Array.from({ length: to - from }, (_, index) => rmSync(file(from + index))) };
  }

  /** Syncs past the console; ready when the run has ended. */
  async function synced(source, body = {}) {
    const run = await api("POST", `/v1/sources/${source}/sync?wait=PT20S`, body);
    if (!run.finished_at) throw new Error(`the run of ${source} did not end`);
    return run;
  }

  /** A browser of somebody's own. What goes wrong in its pages fails the test, unless it is `expected`. */
  async function visitor(user, { signedIn = true, expected = /status of (4|5)\d\d|ERR_/u, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
    context.setDefaultTimeout(15_000);
    const errors = [];
    context.on("weberror", (error) => errors.push(String(error.error())));
    context.on("console", (message) => message.type() === "error" && !expected.test(message.text()) && errors.push(message.text()));
    const requests = [];
    context.on("request", (request) => requests.push(request.url()));
    const page = await context.newPage();
    const open = async (path, to = page) => {
      await to.goto(url + path + (signedIn && !context.known ? `#token=${tokenOf(user)}` : ""));
      context.known = true;
      await to.waitForSelector("main h1");
    };
    return { context, page, open, errors, requests };
  }

  return {
    url,
    forgeUrl: forge.url,
    api,
    tell,
    asked,
    release,
    workspace,
    repository,
    folderOf,
    synced,
    visitor,
    documents,
    said: () => first.said,
    restart: async (signal) => {
      await ended(local, signal);
      local = await up(new URL(url).host);
    },
    stop: (signal) => ended(local, signal),
    start: async () => (local = await up(new URL(url).host)),
    close: async () => {
      await browser.close();
      await Promise.all([ended(local, "SIGKILL"), ended(forge, "SIGKILL")]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function chromiumPath() {
  const found = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
    (path) => path && existsSync(path),
  );
  if (!found) throw new Error("there is no Chromium: install Debian's `chromium`, or name one in CHROMIUM");
  return found;
}

/** A picture of what is seen, for whoever wants to look. */
export async function picture(page, name) {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}
