// Everything in a workspace at once: each source with its state, a broken one with its reason, and what failed once more.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { tooWide, wrongs } from "./senses.js";
import { picture, until, world } from "./world.js";

let there;
before(async () => (there = await world()));
after(() => there?.close());

/** A workspace run is looked at every fifteen seconds at first. */
const SLOW = { timeout: 60_000 };

async function three(options) {
  const slug = await there.workspace();
  const [one, two, broken] = [await there.repository(slug, 3), await there.repository(slug, 150), await there.repository(slug, 3)];
  await there.tell("revoke_token", { token: `token-of-${broken.id}` });
  const visitor = await there.visitor("admin", options);
  await visitor.open(`/workspaces/${slug}`);
  return { slug, one, two, broken, ...visitor };
}

// S0.16, S0.37: a workspace is synced by a press, and its run can be gone back to.
test("a workspace is synced source by source, and what failed is tried again", async () => {
  const { slug, one, two, broken, page, errors } = await three();
  await there.tell("script", { on: two.issues, nth: 2, times: 1, behaviour: { kind: "hang" } });
  await page.getByRole("button", { name: "Sync all" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("heading", { name: `Syncing Team ${slug}` }).waitFor();
  const child = (source) => dialog.locator(`[data-child=${source.id}]`);
  await child(broken).getByText("Failed").waitFor();
  await child(broken).getByText(/credential|token/iu).first().waitFor();
  await child(one).getByText("Completed").waitFor();
  await child(one).getByText("3 changes").waitFor();
  await child(two).locator("[data-status=running]").waitFor();
  assert.equal(await child(two).locator("[data-status=running]").count(), 1, "the broken one stops no other");
  await picture(page, "family");
  await there.release(two, 2);
  await child(two).getByText("150 changes").waitFor(SLOW);
  await dialog.getByText("2 of 3 sources synced, 1 failed").waitFor(SLOW);
  assert.equal(await dialog.locator("[data-child]").first().getAttribute("data-child"), broken.id, "what failed comes first");
  await there.api("PATCH", `/v1/sources/${broken.id}`, { credential: { token: "another" } });
  const before = (await there.asked(one.issues)).length;
  await dialog.getByRole("button", { name: "Try what failed again" }).click();
  await dialog.getByText("1 of 1 source synced").waitFor(SLOW);
  assert.equal(await dialog.locator("[data-child]").count(), 1, "only what failed");
  assert.equal((await there.asked(one.issues)).length, before, "the others were not asked again");
  assert.equal(await dialog.getByRole("button", { name: "Try what failed again" }).count(), 0);
  await dialog.getByRole("link", { name: "Details" }).click();
  await page.getByRole("heading", { name: "Its sources" }).waitFor();
  await page.locator("main").getByRole("link", { name: broken.id }).click();
  await page.locator("main [data-count=created]", { hasText: "3" }).waitFor();
  await page.goto(`${there.url}/workspaces/${slug}/runs`);
  await page.locator("td", { hasText: "all of them" }).first().waitFor();
  assert.deepEqual(errors, []);
});

test("a workspace run can be gone back to, stopped, and tried again from its page", async () => {
  const { slug, two, broken, page, open, errors } = await three({ bypassCSP: true, viewport: { width: 360, height: 740 } });
  await there.tell("script", { on: two.issues, nth: 1, times: 1, behaviour: { kind: "hang" } });
  const run = await there.api("POST", `/v1/workspaces/${slug}/sync`, {});
  await open(`/runs/${run.id}`);
  const sources = page.getByRole("region", { name: "Its sources" });
  await sources.locator(`[data-child=${broken.id}]`).getByText("Failed").waitFor(SLOW);
  await page.locator("main").getByText("The connection was lost").waitFor({ state: "detached" });
  assert.deepEqual(await wrongs(page), []);
  assert.ok((await tooWide(page)) <= 0, "it fits a phone");
  await page.getByRole("button", { name: "Sync all" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator("main").getByText("Cancelled", { exact: true }).first().waitFor(SLOW);
  await there.tell("release");
  await sources.locator(`[data-child=${two.id}] [data-status=cancelled]`).waitFor(SLOW);
  assert.deepEqual(errors, []);
});

test("what is in the way of a workspace's sync is said, and who may not has no button", async () => {
  const slug = await there.workspace("PT1H");
  const source = await there.repository(slug, 2);
  await there.api("PUT", `/v1/workspaces/${slug}/members/mia`, { role: "member" });
  const run = await there.api("POST", `/v1/workspaces/${slug}/sync`, {});
  await until(async () => (await there.api("GET", `/v1/runs/${run.id}`)).finished_at, "the workspace is synced");
  const { page, open, errors } = await there.visitor("admin");
  await open(`/workspaces/${slug}`);
  await page.getByRole("button", { name: "Sync all" }).click();
  await page.getByRole("dialog").getByRole("heading", { name: "It was synced a short while ago" }).waitFor();
  await page.getByRole("dialog").getByText("Pass over the cooldown").click();
  await page.getByRole("dialog").getByLabel("Why?").fill("A demo begins");
  await page.getByRole("dialog").getByRole("button", { name: "Sync all the same" }).click();
  await page.getByRole("dialog").getByText("1 of 1 source synced").waitFor(SLOW);
  await page.getByRole("dialog").locator(`[data-child=${source.id}]`).getByText("Nothing had changed").waitFor();
  assert.deepEqual(errors, []);
  const member = await there.visitor("mia");
  await member.open(`/workspaces/${slug}`);
  await member.page.getByRole("button", { name: /^Sync acme/u }).waitFor();
  assert.equal(await member.page.getByRole("button", { name: "Sync all" }).count(), 0);
});

test("what may not be tried again yet says until when, and can be then", async () => {
  const slug = await there.workspace("PT12S");
  const [well, broken] = [await there.repository(slug, 2), await there.repository(slug, 2)];
  await there.tell("revoke_token", { token: `token-of-${broken.id}` });
  const { page, open, errors } = await there.visitor("admin");
  await open(`/workspaces/${slug}`);
  await page.getByRole("button", { name: "Sync all" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("1 of 2 sources synced, 1 failed").waitFor(SLOW);
  await dialog.locator(`[data-child=${well.id}]`).getByText("Completed").waitFor();
  await dialog.getByRole("button", { name: "Try what failed again" }).click();
  await dialog.getByRole("heading", { name: "It was synced a short while ago" }).waitFor();
  await dialog.getByText("A workspace that was synced by hand rests").waitFor();
  assert.equal(await dialog.getByRole("button", { name: "Run then" }).count(), 0, "only what a retry can do is offered");
  await there.api("PATCH", `/v1/sources/${broken.id}`, { credential: { token: "another" } });
  await dialog.getByRole("button", { name: "Sync now" }).click();
  await dialog.getByText("1 of 1 source synced").waitFor(SLOW);
  assert.deepEqual(errors, []);
});
