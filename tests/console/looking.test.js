// What is seen: by whom, of whatever strings, with whichever senses, and however much there is of it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { wrongs } from "./senses.js";
import { picture, world } from "./world.js";

let there;
before(async () => (there = await world()));
after(() => there?.close());

const settled = (page) => page.locator("main .skeleton").waitFor({ state: "detached" });

/** A workspace in which there is something of everything. */
async function full() {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 30, { streams: ["issues", "alerts"] });
  const broken = await there.repository(slug, 3);
  const folder = await there.folderOf(slug, 40);
  await there.tell("revoke_token", { token: `token-of-${broken.id}` });
  const run = await there.synced(repository.id);
  const failed = await there.synced(broken.id);
  await there.synced(folder.id);
  folder.remove(0, 15);
  const held = await there.synced(folder.id);
  await there.synced(repository.id);
  await there.api("PUT", `/v1/workspaces/${slug}/members/ada`, { role: "member" });
  await there.api("PUT", `/v1/workspaces/${slug}/members/vic`, { role: "viewer" });
  await there.api("POST", `/v1/workspaces/${slug}/tokens`, { name: "nightly", role: "member" });
  return { slug, repository, folder, run, failed, held };
}

const pagesOf = ({ slug, repository, folder, run, failed, held }) => [
  "/",
  `/workspaces/${slug}`,
  ...["runs", "members", "tokens", "audit", "settings"].map((tab) => `/workspaces/${slug}/${tab}`),
  `/sources/${repository.id}`,
  ...["items", "runs", "settings"].map((tab) => `/sources/${repository.id}/${tab}`),
  `/sources/${folder.id}`,
  `/sources/${folder.id}/held`,
  ...[run, failed, held].map(({ id }) => `/runs/${id}`),
];

/** The same one for both colours. */
let everything = null;

for (const colorScheme of ["light", "dark"]) {
  test(`every page is fit for a screen reader, ${colorScheme}`, async () => {
    everything ??= await full();
    const found = [];
    const judge = async (what) => found.push(...(await wrongs(page)).map((wrong) => `${what}: ${wrong}`));
    const { page, open, errors } = await there.visitor("admin", { colorScheme, bypassCSP: true });
    for (const path of pagesOf(everything)) {
      await open(path);
      await settled(page);
      await judge(path);
      await picture(page, `${colorScheme}${path.replaceAll(/[^a-z]+/gu, "-")}`);
    }
    await open(`/sources/${everything.repository.id}`);
    for (const opener of ["Sync with options", "Find and do"]) {
      await page.getByRole("button", { name: opener }).click();
      if (opener === "Sync with options") {
        await page.getByRole("button", { name: "Check first" }).click();
        await page.locator(".checklist").waitFor();
      }
      await judge(opener);
      await page.keyboard.press("Escape");
    }
    await page.locator("button.sync").click();
    await page.getByRole("dialog").locator(".counts").waitFor();
    await judge("what it came to");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Bearer token").waitFor();
    await judge("signing in");
    assert.deepEqual([found, errors], [[], []]);
  });
}

test("the switch changes the colours and is remembered", async () => {
  const { page, open } = await there.visitor("admin", { colorScheme: "light" });
  await open("/");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByRole("button", { name: "Colours: system" }).click();
  await page.getByRole("button", { name: "Colours: light" }).click();
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await page.getByRole("button", { name: "Colours: dark" }).waitFor();
  assert.equal(await ground(), dark);
});

test("a viewer looks at everything and is told why there is nothing to press", async () => {
  const { slug, repository, run, folder } = await full();
  const { page, open, errors } = await there.visitor("vic");
  await open(`/workspaces/${slug}`);
  await page.getByText("You are a viewer here, who may look").waitFor();
  await settled(page);
  for (const path of [
    `/workspaces/${slug}`,
    `/workspaces/${slug}/settings`,
    `/sources/${repository.id}`,
    `/sources/${repository.id}/settings`,
    `/sources/${folder.id}/held`,
    `/runs/${run.id}`,
  ]) {
    await open(path);
    await settled(page);
    await page.locator(".why-not").first().waitFor();
    const pressable = await page.locator("main button:not(.as-link)").allTextContents();
    assert.deepEqual(pressable, [], path);
  }
  for (const tab of ["members", "tokens", "audit"]) {
    await open(`/workspaces/${slug}/${tab}`);
    await page.getByText("For admins").waitFor();
  }
  await open("/");
  await page.keyboard.press("s");
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.deepEqual(errors, []);
});

test("members and tokens are managed, and a token is shown once", async () => {
  const slug = await there.workspace();
  const { page, open, errors } = await there.visitor("admin");
  await open(`/workspaces/${slug}/members`);
  await page.getByText("Add a member").click();
  await page.getByLabel("User").fill("grace");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByLabel("Role of grace").selectOption("viewer");
  await page.getByText("grace is now viewer.").first().waitFor();
  await page.getByRole("button", { name: "Remove grace" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("Nobody is a member yet").waitFor();
  await open(`/workspaces/${slug}/tokens`);
  await page.getByRole("button", { name: "New token" }).first().click();
  await page.getByLabel("Name").fill("nightly");
  await page.getByRole("button", { name: "Make it" }).click();
  const token = await page.getByLabel("The token").inputValue();
  assert.match(token, /^pct_/u);
  const told = await fetch(`${there.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(told.status, 200);
  await page.getByRole("button", { name: "Done" }).click();
  await page.locator("td", { hasText: "nightly" }).waitFor();
  assert.ok(!(await page.content()).includes(token), "it is not shown again");
  await page.getByRole("button", { name: "Revoke nightly" }).click();
  await page.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("No tokens yet").waitFor();
  assert.equal((await fetch(`${there.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } })).status, 401);
  assert.deepEqual(errors, []);
});

test("a source is made, changed and deleted, and what is wrong with it is said", async () => {
  const slug = await there.workspace();
  await there.tell("seed", { repository: "acme/made", count: 4 });
  const { page, open, errors } = await there.visitor("admin");
  await open(`/workspaces/${slug}`);
  await page.getByRole("button", { name: "New source" }).first().click();
  await page.getByRole("button", { name: "Add it" }).click();
  await page.getByRole("alert").getByText("id", { exact: true }).waitFor();
  await page.getByLabel("Repository", { exact: true }).fill("acme/made");
  assert.equal(await page.getByLabel("Id", { exact: true }).inputValue(), "acme-made");
  await page.getByLabel("Token").fill("a-secret-of-ours");
  await page.getByText("Not on api.github.com?").click();
  await page.getByLabel("Address of its API").fill(there.forgeUrl);
  await page.getByRole("button", { name: "Add it" }).click();
  await page.getByText("It has not been synced yet").waitFor();
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByText("One is set").waitFor();
  assert.ok(!(await page.content()).includes("a-secret"), "a credential is not shown");
  await page.getByLabel("Name").fill("Ours");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Ours" }).waitFor();
  await page.getByRole("button", { name: "Delete this source" }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("heading", { name: "No sources yet" }).waitFor();
  assert.deepEqual(errors, []);
});

test("five hundred sources and five thousand runs are filtered without a pause", async () => {
  const slug = await there.workspace();
  const sample = (await there.api("GET", `/v1/workspaces/${slug}/sources`)).sources;
  const repository = await there.repository(slug, 2);
  const run = await there.synced(repository.id);
  const [one] = (await there.api("GET", `/v1/workspaces/${slug}/sources`)).sources;
  assert.equal(sample.length, 0);
  const { page, open, errors } = await there.visitor("admin");
  const states = ["synced", "error", "never_synced", "syncing"];
  const sources = Array.from({ length: 500 }, (_, index) => ({
    ...one,
    id: `source-${index}`,
    name: `Source ${index}`,
    status: states[index % 4],
  }));
  await page.route("**/v1/workspaces/*/sources", (route) => route.fulfill({ json: { sources, next_cursor: null } }));
  const outcomes = ["completed", "completed", "completed", "failed"];
  await page.route("**/v1/workspaces/*/runs?*", (route) => {
    const from = Number(new URL(route.request().url()).searchParams.get("cursor") ?? 0);
    const runs = Array.from({ length: 100 }, (_, index) => ({
      ...run,
      id: `${from + index}`,
      status: outcomes[(from + index) % 4],
      triggered_by: from + index === 4321 ? "somebody" : "admin",
    }));
    return route.fulfill({ json: { runs, next_cursor: from + 100 < 5000 ? String(from + 100) : null } });
  });
  await page.addInitScript(() => {
    globalThis.longest = 0;
    new PerformanceObserver((list) =>
      list.getEntries().forEach((entry) => (globalThis.longest = Math.max(globalThis.longest, entry.duration))),
    ).observe({ type: "longtask" });
  });
  await open(`/workspaces/${slug}`);
  await page.getByText("50 sources so far").first().waitFor();
  assert.equal(await page.locator("tbody tr").count(), 50);
  await page.getByRole("searchbox").fill("source 49");
  await page.locator(".list-foot").getByText("15 sources among 500 looked through").waitFor();
  await page.getByLabel("State").selectOption("error");
  await page.locator(".list-foot").getByText("7 sources among 500 looked through").waitFor();
  assert.match(page.url(), /q=source\+49&status=error/u);
  await open(`/workspaces/${slug}/runs`);
  await page.getByText("50 runs so far").first().waitFor();
  await page.getByRole("searchbox").fill("somebody");
  await page.getByText("Nothing matches").waitFor();
  for (let looked = 0; looked < 4; looked += 1) await page.getByRole("button", { name: "Look further" }).click();
  await page.locator(".list-foot").getByText("1 run among 5000 looked through").waitFor();
  await page.getByRole("searchbox").fill("");
  await page.getByText("50 runs so far").first().waitFor();
  assert.equal(await page.locator("tbody tr").count(), 50);
  const longest = await page.evaluate(() => globalThis.longest);
  assert.ok(longest < 400, `a pause of ${longest} ms`);
  assert.deepEqual(errors, []);
});
