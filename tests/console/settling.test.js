// What is settled once and for all at a source's settings: when it syncs by itself, and that its first run begins again.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { tooWide, wrongs } from "./senses.js";
import { picture, until, world } from "./world.js";

let there;
before(async () => (there = await world()));
after(() => there?.close());

const panel = (page) => page.getByRole("region", { name: "Schedule" });
const scheduleOf = async (source) => (await there.api("GET", `/v1/sources/${source.id}`)).schedule;

/** A source that has no schedule, and an admin at its settings. */
async function atSettings(options) {
  const slug = await there.workspace();
  const source = await there.repository(slug, 3);
  const visitor = await there.visitor("admin", options);
  await visitor.open(`/sources/${source.id}/settings`);
  return { slug, source, ...visitor };
}

test("a schedule is tried while it is typed, saved, shown and removed", async () => {
  const { source, page, open, errors, requests } = await atSettings();
  const schedule = panel(page);
  await schedule.getByText("It syncs when somebody asks").waitFor();
  assert.equal(await schedule.getByRole("button", { name: "Save" }).isVisible(), false, "there is nothing to save yet");
  await schedule.getByLabel("It syncs").selectOption("cron");
  await schedule.getByLabel("Time zone", { exact: true }).fill("Europe/Oslo");
  const when = schedule.getByLabel("When", { exact: true });
  await when.fill("");
  await when.pressSequentially("30 7 * * 1-5", { delay: 20 });
  await schedule.locator(".upcoming li").nth(4).waitFor();
  await until(async () => (await schedule.locator(".upcoming li", { hasText: ", 07:30" }).count()) === 5, "five times on its clock");
  await schedule.getByText("in Europe/Oslo").waitFor();
  const tried = requests.filter((url) => url.includes("dryRun=true")).length;
  assert.ok(tried < 8, `${tried} questions for twelve keys and two fields`);
  assert.equal(await scheduleOf(source), null, "nothing was set by that");
  await schedule.getByRole("button", { name: "Add hours" }).click();
  await schedule.getByLabel("For so many hours").fill("1.5");
  await schedule.getByLabel("Warm a worker up").check();
  await picture(page, "schedule");
  await schedule.getByRole("button", { name: "Save the schedule" }).click();
  await page.getByText("It syncs by itself from now on.").first().waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Schedule", "the focus is on its heading");
  const set = await scheduleOf(source);
  assert.deepEqual([set.cron, set.timezone, set.prewarm], ["30 7 * * 1-5", "Europe/Oslo", true]);
  assert.deepEqual(set.windows, [{ rule: "deny", cron: "0 22 * * *", duration: "PT1H30M", timezone: null }]);
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByText("Next run", { exact: true }).waitFor();
  await page.getByRole("link", { name: "30 7 * * 1-5, Europe/Oslo" }).click();
  assert.equal(await schedule.getByLabel("For so many hours").inputValue(), "1.5", "it is there to be changed");
  await schedule.getByRole("button", { name: "Remove hours 1" }).click();
  await schedule.getByLabel("It syncs").selectOption("every");
  await schedule.getByLabel("Every", { exact: true }).fill("90");
  await schedule.getByLabel("Unit").selectOption("minutes");
  await schedule.getByRole("button", { name: "Save the schedule" }).click();
  await schedule.getByText("It syncs by itself: every 1 h 30 min").waitFor();
  assert.deepEqual([(await scheduleOf(source)).every, (await scheduleOf(source)).windows], ["PT1H30M", []]);
  await schedule.getByRole("button", { name: "Remove the schedule" }).click();
  await schedule.getByText("It syncs when somebody asks").waitFor();
  assert.equal(await scheduleOf(source), null);
  await open(`/sources/${source.id}`);
  await page.getByText("Last synced").waitFor();
  assert.equal(await page.getByText("Next run", { exact: true }).count(), 0);
  assert.deepEqual(errors, []);
});

test("what is wrong with a schedule is said at its field, in words", async () => {
  const { source, page, errors } = await atSettings();
  const schedule = panel(page);
  const told = (label) => schedule.locator(".field", { has: page.getByLabel(label, { exact: true }) }).locator(".told");
  await schedule.getByLabel("It syncs").selectOption("every");
  await schedule.getByLabel("Unit").selectOption("minutes");
  await schedule.getByLabel("Every", { exact: true }).fill("0.1");
  await told("Every").getByText("must be a duration from 1 min to 366 d, like 1 h").waitFor();
  await schedule.getByText("Like this, it has no next times.").waitFor();
  await schedule.getByLabel("Every", { exact: true }).fill("5");
  await told("Every").waitFor({ state: "detached" });
  await schedule.getByLabel("It syncs").selectOption("cron");
  await schedule.getByLabel("When", { exact: true }).fill("0 6 * *");
  await told("When").waitFor();
  await schedule.getByLabel("Time zone", { exact: true }).fill("Middle/Earth");
  await told("Time zone").getByText("Middle/Earth").waitFor();
  const field = schedule.getByLabel("Time zone", { exact: true });
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  const described = await field.evaluate((input) =>
    input
      .getAttribute("aria-describedby")
      .split(" ")
      .map((id) => document.getElementById(id)?.textContent ?? "nothing"),
  );
  assert.ok(described.length === 2 && described.some((text) => text.includes("Middle/Earth")), JSON.stringify(described));
  await schedule.getByRole("button", { name: "Save the schedule" }).click();
  await until(() => field.evaluate((input) => document.activeElement === input), "the focus is where something is wrong");
  assert.equal(await scheduleOf(source), null);
  await field.fill("Europe/Oslo");
  await schedule.getByLabel("When", { exact: true }).fill("0 6 * * *");
  await schedule.locator(".upcoming li").first().waitFor();
  await schedule.getByRole("button", { name: "Add hours" }).click();
  await schedule.getByLabel("For so many hours").fill("0");
  await told("For so many hours").getByText("must be a duration up to 31 d, like 8 h").waitFor();
  await schedule.getByLabel("From").fill("0 5 * * *");
  await schedule.getByLabel("For so many hours").fill("4");
  await schedule.getByRole("alert").getByText("nothing would ever begin").waitFor();
  assert.deepEqual(errors, []);
});

test("a schedule is set from the keyboard alone", async () => {
  const { source, page, errors } = await atSettings();
  const press = (key) => page.keyboard.press(key);
  const focused = () => page.evaluate(() => document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent);
  const to = async (name, key = "Tab") => {
    for (let steps = 0; steps < 20 && !(await focused()).startsWith(name); steps += 1) await press(key);
    assert.ok((await focused()).startsWith(name), `${await focused()} and not ${name}`);
  };
  await panel(page).getByLabel("It syncs").focus();
  await page.keyboard.type("Every so");
  await to("Every");
  await press("Control+a");
  await page.keyboard.type("2");
  await to("Add hours");
  await press("Enter");
  assert.equal(await focused(), "Rule", "the focus is on what was added");
  await to("Remove");
  await press("Enter");
  assert.equal(await focused(), "Add hours", "and on what is left");
  await panel(page).locator(".upcoming li").nth(4).waitFor();
  await to("Save the schedule");
  await press("Enter");
  await until(() => scheduleOf(source), "it is set");
  assert.equal((await scheduleOf(source)).every, "PT2H");
  assert.deepEqual(errors, []);
});

for (const [colorScheme, viewport] of [
  ["light", { width: 1200, height: 800 }],
  ["dark", { width: 360, height: 740 }],
]) {
  test(`the schedule is fit for a screen reader, ${colorScheme}, ${viewport.width} px wide`, async () => {
    const { page, errors } = await atSettings({ colorScheme, viewport, bypassCSP: true });
    const schedule = panel(page);
    const found = [];
    const judge = async (what) => {
      found.push(...(await wrongs(page)).map((wrong) => `${what}: ${wrong}`));
      assert.ok((await tooWide(page)) <= 0, `${what} is too wide`);
    };
    await schedule.getByLabel("It syncs").selectOption("cron");
    await schedule.getByRole("button", { name: "Add hours" }).click();
    await schedule.getByRole("button", { name: "Add hours" }).click();
    await schedule.locator(".upcoming li").nth(4).waitFor();
    await judge("times");
    await picture(page, `schedule-${colorScheme}`);
    await schedule.getByLabel("When", { exact: true }).fill("never");
    await schedule.locator(".told").waitFor();
    await judge("mistakes");
    assert.deepEqual([found, errors], [[], []]);
  });
}

test("whoever may not set a schedule sees it", async () => {
  const slug = await there.workspace();
  const source = await there.repository(slug, 3);
  await there.api("PUT", `/v1/workspaces/${slug}/members/gus`, { role: "member" });
  await there.api("PUT", `/v1/sources/${source.id}/schedule`, { cron: "0 6 * * *", timezone: "Europe/Oslo" });
  const { page, open, errors } = await there.visitor("gus");
  await open(`/sources/${source.id}/settings`);
  await page.getByText("0 6 * * *", { exact: true }).waitFor();
  assert.equal(await panel(page).count(), 0);
  assert.deepEqual(errors, []);
});

// S0.41: what forgets something asks first, and does nothing unless it was confirmed.
test("a first run begins again only after it was confirmed", async () => {
  const slug = await there.workspace();
  const source = await there.repository(slug, 260);
  await there.tell("script", { on: source.issues, nth: 2, times: 1, behaviour: { kind: "reply", status: 401 } });
  assert.equal((await there.synced(source.id)).status, "failed");
  await there.api("PATCH", `/v1/sources/${source.id}`, { credential: { token: `token-of-${source.id}` } });
  const { page, open, errors, requests } = await there.visitor("admin");
  const resets = () => requests.filter((url) => url.endsWith("/reset-backfill")).length;
  await open(`/sources/${source.id}/settings`);
  const dialog = page.getByRole("dialog");
  const begin = page.getByRole("button", { name: "Begin its first run again" });
  for (const leave of [() => dialog.getByRole("button", { name: "Leave it" }).click(), () => page.keyboard.press("Escape")]) {
    await begin.click();
    await dialog.getByRole("heading", { name: "Begin its first run again?" }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Leave it", "what does nothing is at hand");
    await leave();
    await dialog.waitFor({ state: "detached" });
  }
  assert.equal(resets(), 0, "nothing was asked for");
  await begin.click();
  await dialog.getByRole("button", { name: "Forget it" }).click();
  await page.getByText("Forgotten: the next run begins at the beginning.").first().waitFor();
  assert.equal(resets(), 1);
  await begin.click();
  await dialog.getByRole("button", { name: "Forget it" }).click();
  await page.getByText("There is no unfinished first run to forget.").first().waitFor();
  const run = await there.synced(source.id);
  assert.equal(run.progress.page, 3, "it read from the first page on");
  assert.deepEqual(errors, []);
});
