// What providers and people wrote is shown as it is, and does nothing: no markup, no control characters, no turned writing.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { world } from "./world.js";

let there;
before(async () => (there = await world()));
after(() => there?.close());

const EVIL =
  "<img src=x onerror=alert(1)><script>alert(2)</script> \u202egnp.exe\u2066 \u0007\u001b[31m bell \u200b\u{e0041} \u0645\u0631\u062d\u0628\u0627";
/** For what has to be short, or may have no control characters. */
const SLY = "<b>x</b>\u202egnp\u2066\u200b";
const ACTING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/u;

const settled = (page) => page.locator("main .skeleton").waitFor({ state: "detached" });

/** Plants a string wherever a provider or a user can write one; what the API does not take is none. */
async function planted() {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 1, { streams: ["issues"] });
  const broken = await there.repository(slug, 1);
  const folder = await there.folderOf(slug, 14);
  const taken = [];
  const plant = async (method, path, body) => {
    try {
      await there.api(method, path, body);
      taken.push(path.replace(/^.v1.(\w+).*?(\w+)$/u, "$1 $2"));
    } catch (why) {
      assert.match(why.message, /answered 400/u);
    }
  };
  for (const words of [EVIL, SLY]) {
    await plant("PATCH", `/v1/workspaces/${slug}`, { name: words });
    await plant("PATCH", `/v1/sources/${repository.id}`, { name: words });
    await plant("PUT", `/v1/workspaces/${slug}/members/${encodeURIComponent(words)}`, { role: "viewer" });
    await plant("POST", `/v1/workspaces/${slug}/tokens`, { name: words, role: "viewer" });
  }
  await there.tell("edit_issue", {
    repository: repository.name,
    number: 1,
    title: EVIL,
    body: EVIL,
    labels: [EVIL.slice(0, 40)],
    author: "x\u202ey",
  });
  const message = JSON.stringify({ message: EVIL });
  const behaviour = { kind: "reply", status: 401, headers: { "content-type": "application/json" }, body: message };
  await there.tell("script", { on: broken.issues, nth: 1, times: 1, behaviour });
  for (let number = 0; number < 14; number += 1) writeFileSync(join(folder.path, `${String(number).padStart(4, "0")}.md`), `# ${number} ${EVIL}\n`);
  writeFileSync(join(folder.path, "<b>\u202emd.exe\u2066.md"), `# Named ${EVIL}\n`);
  const run = await there.synced(repository.id, { reason: SLY }).catch(() => there.synced(repository.id));
  const failed = await there.synced(broken.id);
  await there.synced(folder.id);
  folder.remove(0, 13);
  const held = await there.synced(folder.id);
  return { slug, repository, broken, folder, run, failed, held, taken };
}

/** All that is read of a page: its text, its name, and what a screen reader or a pointer is told. */
const readOf = (page) =>
  page.evaluate(() => {
    const told = ["title", "aria-label", "alt", "placeholder", "aria-description"];
    const attributes = [...document.querySelectorAll("*")].flatMap((one) => told.map((name) => one.getAttribute(name)).filter(Boolean));
    return [document.title, document.body.textContent, ...attributes];
  });

test("what others wrote is shown on every page, and does nothing", async () => {
  const { slug, repository, broken, folder, run, failed, held, taken } = await planted();
  const { page, open, errors } = await there.visitor("admin");
  const asked = [];
  page.on("dialog", (dialog) => asked.push(dialog.message()) && dialog.dismiss());
  const found = [];
  const judge = async (where) => {
    for (const text of await readOf(page)) {
      const acting = ACTING.exec(text);
      if (acting) found.push(`${where}: ${JSON.stringify(text.slice(Math.max(0, acting.index - 40), acting.index + 20))}`);
    }
    const made = await page.locator("main img, main script, main b, dialog img, dialog script, dialog b").count();
    if (made) found.push(`${where}: ${made} elements were made of it`);
  };
  for (const path of [
    "/",
    `/workspaces/${slug}`,
    ...["runs", "members", "tokens", "audit", "settings"].map((tab) => `/workspaces/${slug}/${tab}`),
    ...[repository, broken, folder].flatMap(({ id }) => ["", "/items", "/runs", "/settings"].map((tab) => `/sources/${id}${tab}`)),
    `/sources/${folder.id}/held`,
    ...[run, failed, held].map(({ id }) => `/runs/${id}`),
  ]) {
    await open(path);
    await settled(page);
    await judge(path);
  }
  await open(`/runs/${failed.id}`);
  await page.locator(".trouble-message", { hasText: "<img src=x" }).waitFor();
  await open(`/sources/${repository.id}/items`);
  const title = page.locator("td .as-link bdi");
  const shown = await title.textContent();
  assert.ok(shown.startsWith("<img src=x onerror=alert(1)><script>"), shown);
  assert.match(shown, /\u2407\u241b/u, "control characters are seen");
  assert.equal(await title.getAttribute("dir"), "auto");
  await title.click();
  await page.getByRole("dialog").locator("pre").waitFor();
  await judge("an item");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Find and do" }).click();
  await judge("the palette");
  await page.keyboard.press("Escape");
  await page.locator("button.sync").click();
  await page.getByRole("dialog").locator(".counts").waitFor();
  await judge("what it came to");
  assert.ok(taken.length >= 2, `only ${taken} were planted`);
  assert.deepEqual([found, asked, errors], [[], [], []]);
});
