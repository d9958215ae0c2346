// What goes on while somebody looks: streams that break, servers that start anew, tabs that share, sessions that end.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { tokenOf, until, world } from "./world.js";

let there;
before(async () => (there = await world()));
after(() => there?.close());

const sync = (page) => page.locator("button.sync").first().click();

/** A source whose second page hangs, and a visitor who looks at its first. */
async function underWay(options) {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 260);
  await there.tell("script", { on: repository.issues, nth: 2, times: 1, behaviour: { kind: "hang" } });
  const visitor = await there.visitor("admin", options);
  return { slug, repository, ...visitor };
}

const hundred = (page) => page.getByRole("dialog").locator(".facts", { hasText: "100" }).waitFor();

// S2.51: and what the sync came to is shown at its end.
test("a stream that breaks is taken up again where it was", async () => {
  const { repository, page, open } = await underWay();
  const resumed = [];
  page.on("request", (request) => request.url().endsWith("/events") && resumed.push(request.headers()["last-event-id"]));
  await open(`/sources/${repository.id}`);
  await sync(page);
  await hundred(page);
  await there.stop("SIGKILL");
  await page.getByRole("dialog").getByText("The connection was lost").waitFor();
  await there.start();
  await there.release(repository, 2);
  await page.getByRole("dialog").locator("[data-count=created]").waitFor();
  await page.getByRole("dialog").getByText("Completed", { exact: true }).waitFor();
  assert.ok(Number(resumed.at(-1)) >= 2, `resumed from ${resumed.at(-1)}`);
  assert.ok(
    resumed.every((id) => id !== undefined),
    "each stream says which version is known",
  );
});

for (const [how, hinder] of [
  ["is held back by a gateway", (page) => page.route("**/events", () => {})],
  [
    "is not there",
    (page) =>
      page.route("**/config.json", async (route) => {
        const reply = await route.fetch();
        await route.fulfill({ json: { ...(await reply.json()), events: { by: "poll", base: "" } } });
      }),
  ],
]) {
  // S2.52: the dialog asks how far the run is.
  test(`where the stream ${how}, asking and waiting takes its place`, async () => {
    const { repository, page, open, requests } = await underWay();
    await hinder(page);
    await open(`/sources/${repository.id}`);
    await sync(page);
    await hundred(page);
    await there.release(repository, 2);
    await page.getByRole("dialog").getByText("Completed", { exact: true }).waitFor();
    const asked = requests.filter((url) => url.includes("wait=PT20S"));
    assert.ok(asked.length >= 1 && asked.length < 20, `${asked.length} questions`);
    assert.match(asked.at(-1), /after=\d+/u);
  });
}

test("two tabs cost one stream, and the second takes over when the first closes", async () => {
  const { repository, page, context, open } = await underWay();
  const streams = [];
  context.on("request", (request) => request.url().endsWith("/events") && streams.push(request.frame().page()));
  await open(`/sources/${repository.id}`);
  await sync(page);
  await hundred(page);
  await page.getByRole("dialog").getByRole("link", { name: "Details" }).click();
  const address = page.url();
  const second = await context.newPage();
  await second.goto(address);
  await second.locator(".facts", { hasText: "100" }).first().waitFor();
  assert.deepEqual(new Set(streams), new Set([page]), "only the first tab reads");
  await page.close();
  await until(() => streams.at(-1) === second, "the second tab reads");
  await there.release(repository, 2);
  await second.locator("[data-count=created]", { hasText: "260" }).waitFor();
});

test("a session that ends is said to have, and goes on where it was", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 3);
  const { page, open, errors } = await there.visitor("admin");
  await open(`/sources/${repository.id}`);
  await page.route("**/sync", (route) =>
    route.continue({ headers: { ...route.request().headers(), authorization: `Bearer ${tokenOf("admin", -3600)}` } }),
  );
  await sync(page);
  await page.getByText("Your session has ended").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.getItem("pullcord-token")), null);
  await page.unroute("**/sync");
  await page.getByLabel("Bearer token").fill(tokenOf("admin"));
  await page.keyboard.press("Enter");
  await sync(page);
  await page.getByRole("dialog").getByText("Completed", { exact: true }).waitFor();
  assert.deepEqual(errors, []);
});

test("signing out in one tab signs out of all", async () => {
  const { page, context, open } = await there.visitor("admin");
  await open("/");
  const second = await context.newPage();
  await second.goto(`${there.url}/`);
  await second.getByRole("heading", { name: "Workspaces" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await second.getByText("You have signed out").waitFor();
});

test("a server that is away is said to be, and what was wished can be wished again", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 3);
  const { page, open } = await there.visitor("admin");
  await open(`/sources/${repository.id}`);
  await page.context().setOffline(true);
  await sync(page);
  await page.getByRole("dialog").getByText("Pullcord does not answer").first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Items" }).click();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await page.context().setOffline(false);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Nothing here yet").waitFor();
});

test("a list shows what others began", async () => {
  const { slug, repository, page, open } = await underWay();
  await open(`/workspaces/${slug}`);
  await page.clock.install();
  await there.api("POST", `/v1/sources/${repository.id}/sync`, {});
  await page.clock.fastForward(61_000);
  await page.locator("td [data-status=syncing]").waitFor();
  await there.release(repository, 2);
  await until(async () => (await there.api("GET", `/v1/sources/${repository.id}`)).status === "synced", "it is synced");
  await page.clock.fastForward(6000);
  await page.locator("td [data-status=synced]").waitFor();
});
