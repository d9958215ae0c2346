// Pulling the cord: progress to the end, and everything that may be in the way of it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { picture, until, world } from "./world.js";

let there;
before(async () => (there = await world()));
after(() => there?.close());

const dialogOf = (page) => page.getByRole("dialog");
const sync = (page) => page.locator("button.sync").first().click();

/** Holds a page of a repository back until the forge is told to release it. */
const hang = (repository, nth = 1) => there.tell("script", { on: repository.issues, nth, times: 1, behaviour: { kind: "hang" } });

// S2.2, S2.49, S2.56, S3.18, S3.21: a press opens the dialog, which shows how far it is; its run is followed to the end without asking.
test("a sync is followed from the press to what it came to", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 260);
  await hang(repository, 2);
  const { page, open, errors, requests } = await there.visitor("admin");
  await open(`/sources/${repository.id}`);
  await sync(page);
  const dialog = dialogOf(page);
  await dialog.getByRole("heading", { name: `Syncing acme/${repository.id}` }).waitFor();
  await dialog.locator(".facts", { hasText: "100" }).waitFor();
  const bar = dialog.getByRole("progressbar");
  const share = await bar.getAttribute("aria-valuenow");
  assert.ok(share === null || (Number(share) > 0 && Number(share) < 100), `a share of ${share}`);
  assert.equal(await bar.evaluate((element) => element.classList.contains("unknown")), share === null, "no share without a total");
  for (const name of ["Items", "Page", "Rate", "Estimated end"]) await dialog.getByText(name, { exact: true }).waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).waitFor();
  await picture(page, "progress");
  await page.keyboard.press("Escape");
  const banner = page.locator(".banner");
  await banner.getByText(`acme/${repository.id}`).waitFor();
  await page.getByRole("link", { name: "Items" }).click();
  await banner.waitFor();
  await page.reload();
  await banner.getByText(`acme/${repository.id}`).waitFor();
  const polled = requests.filter((url) => /\/v1\/runs\/[^/]+$/u.test(url)).length;
  await there.release(repository, 2);
  await banner.getByText(/260 changes in/u).waitFor();
  const after = requests.filter((url) => /\/v1\/runs\/[^/]+$/u.test(url)).length;
  assert.equal(after, polled, "the banner follows without asking");
  await banner.getByRole("link", { name: "Details" }).click();
  await page.locator("[data-count=created]", { hasText: "260" }).waitFor();
  await page.locator(".timeline li").nth(2).waitFor();
  assert.deepEqual(await page.locator(".timeline strong").allTextContents(), ["Asked for", "A worker took it", "Ended"]);
  assert.deepEqual(errors, []);
});

// S2.50, S2.121, S3.17, S3.19, S3.31: a spinner is seen before anything has answered.
test("a press is answered within a tenth of a second", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 3);
  const { page, open } = await there.visitor("admin");
  await open(`/sources/${repository.id}`);
  // Neither answers: what is seen is the console's own.
  await page.route("**/sync", (route) => held.push(route));
  await page.route("**/sources/*/items*", (route) => held.push(route));
  const held = [];
  const answered = (selector, sign) =>
    page.evaluate(
      ([pressed, seen]) =>
        new Promise((resolve) => {
          const began = performance.now();
          const watch = new MutationObserver(() => {
            if (!document.querySelector(seen)) return;
            watch.disconnect();
            requestAnimationFrame(() => resolve(performance.now() - began));
          });
          watch.observe(document.body, { subtree: true, childList: true, attributes: true });
          document.querySelector(pressed).click();
        }),
      [selector, sign],
    );
  // The best of three: a machine that is busy with other things says nothing about the console.
  const best = async (selector, sign, undo) => {
    const took = [];
    for (let times = 0; times < 3; times += 1) {
      took.push(await answered(selector, sign));
      await undo();
    }
    return Math.min(...took);
  };
  const pressed = await best("button.sync", "button.sync[aria-busy=true]", async () => {
    await until(() => held.length, "a request");
    await held.pop().abort();
    await page.locator("button.sync:not([aria-busy])").waitFor();
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });
  assert.ok(pressed < 100, `${pressed} ms until the spinner`);
  const turned = await best('.tabs a[href$="/items"]', "main.turning", async () => {
    await page.goto(`${there.url}/sources/${repository.id}`);
    await page.locator("button.sync").waitFor();
  });
  assert.ok(turned < 100, `${turned} ms until the page turns`);
});

test("a cooldown counts down, and parks what may not run yet", async () => {
  const slug = await there.workspace("PT8S");
  const repository = await there.repository(slug, 3);
  await there.synced(repository.id);
  const { page, open, errors } = await there.visitor("admin");
  await open(`/workspaces/${slug}`);
  await sync(page);
  const dialog = dialogOf(page);
  await dialog.getByRole("heading", { name: "It was synced a short while ago" }).waitFor();
  assert.match(await dialog.locator(".countdown").textContent(), /^0:0[0-8]$/u);
  await picture(page, "refusal");
  await dialog.getByRole("button", { name: "Run then" }).click();
  await dialog.getByText("Runs by itself in").waitFor();
  await dialog.getByText("Completed", { exact: true }).waitFor();
  await dialog.getByText("Nothing had changed").waitFor();
  assert.deepEqual(errors, []);
});

// S2.47: the button is at the settings of a source too.
test("a cooldown that ends offers the sync that was refused", async () => {
  const slug = await there.workspace("PT3S");
  const repository = await there.repository(slug, 3);
  await there.synced(repository.id);
  const { page, open } = await there.visitor("admin");
  await open(`/sources/${repository.id}/settings`);
  await sync(page);
  await dialogOf(page).getByRole("button", { name: "Sync now" }).click();
  await dialogOf(page).getByText("Completed", { exact: true }).waitFor();
});

test("an admin passes over a cooldown with a reason, which is put on record", async () => {
  const slug = await there.workspace("PT1H");
  const repository = await there.repository(slug, 3);
  await there.synced(repository.id);
  const { page, open } = await there.visitor("admin");
  await open(`/sources/${repository.id}`);
  await sync(page);
  const dialog = dialogOf(page);
  await dialog.getByText("Pass over the cooldown").click();
  await dialog.getByLabel("Why?").fill("A customer waits");
  await dialog.getByRole("button", { name: "Sync all the same" }).click();
  await dialog.getByText("Completed", { exact: true }).waitFor();
  await dialog.getByRole("link", { name: "Details" }).click();
  await page.getByText("A customer waits").first().waitFor();
});

test("a quota that is nearly used up is shown, and refuses", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 3);
  const resets = new Date(Date.now() + 1_800_000).toISOString();
  // Else the look at its credential may know of it before the sync does.
  await until(async () => (await there.api("GET", `/v1/sources/${repository.id}`)).credential.checked_at, "its credential was looked at");
  await there.tell("quota", { token: `token-of-${repository.id}`, limit: 5000, remaining: 43, resets_at: resets });
  await there.synced(repository.id);
  const { page, open, errors } = await there.visitor("admin");
  await open(`/workspaces/${slug}`);
  await page.locator("td .gauge.low", { hasText: "42 of 5,000" }).waitFor();
  await sync(page);
  const dialog = dialogOf(page);
  await dialog.getByRole("heading", { name: "The provider's quota is nearly used up" }).waitFor();
  assert.match(await dialog.locator(".countdown").textContent(), /^(29|30):\d\d$/u);
  await dialog.getByRole("button", { name: "Run then" }).click();
  await dialog.getByText("Runs by itself in").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.getByText("Cancelled", { exact: true }).waitFor();
  assert.deepEqual(errors, []);
});

// S2.48: that a webhook delivers by itself is said, and whether to sync all the same is asked.
test("what is unusual has to be confirmed", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 3, { webhook: { active: true } });
  const { page, open, errors } = await there.visitor("admin");
  await open(`/sources/${repository.id}`);
  await page.getByRole("button", { name: "Sync with options" }).click();
  const dialog = dialogOf(page);
  await dialog.getByLabel("Closed items too").check();
  await dialog.getByRole("button", { name: "Check first" }).click();
  await dialog.locator(".checklist li.bad", { hasText: "Confirmation" }).waitFor();
  await picture(page, "checklist");
  await dialog.getByRole("button", { name: "Sync", exact: true }).click();
  await dialog.getByRole("heading", { name: "Sync all the same?" }).waitFor();
  await dialog.getByText("Its webhook delivers changes by itself.").waitFor();
  await dialog.getByText("Closed items are wanted too.").waitFor();
  await dialog.getByRole("button", { name: "Leave it" }).click();
  await dialog.waitFor({ state: "detached" });
  await sync(page);
  await dialog.getByRole("button", { name: "Sync all the same" }).click();
  await dialog.getByText("Completed", { exact: true }).waitFor();
  assert.deepEqual(errors, []);
});

test("what runs already can be watched, followed by one more, or replaced", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 120);
  await hang(repository, 1);
  const first = await there.api("POST", `/v1/sources/${repository.id}/sync`, {});
  const { page, open, errors } = await there.visitor("admin");
  await open(`/sources/${repository.id}`);
  const dialog = dialogOf(page);
  await sync(page);
  await dialog.getByRole("button", { name: "Watch it" }).click();
  await dialog.getByRole("heading", { name: "Syncing" }).waitFor();
  await page.keyboard.press("Escape");
  await sync(page);
  await dialog.getByRole("button", { name: "Run once more after it" }).click();
  await dialog.getByText("Queued", { exact: true }).waitFor();
  await there.tell("release");
  await dialog.getByText("Completed", { exact: true }).waitFor();
  assert.equal((await there.api("GET", `/v1/runs/${first.id}`)).status, "completed");
  await page.keyboard.press("Escape");
  await hang(repository, 1);
  const second = await there.api("POST", `/v1/sources/${repository.id}/sync`, {});
  await sync(page);
  await dialog.getByRole("button", { name: "Stop it and begin anew" }).click();
  await dialog.getByText("Completed", { exact: true }).waitFor();
  assert.equal((await there.api("GET", `/v1/runs/${second.id}`)).status, "cancelled");
  await there.tell("release");
  assert.deepEqual(errors, []);
});

test("a run is cancelled from its dialog and from its page", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 120);
  const { page, open, errors } = await there.visitor("admin");
  await open(`/sources/${repository.id}`);
  for (const inDialog of [true, false]) {
    await there.tell("clear_journal");
    await hang(repository, 1);
    await sync(page);
    await until(async () => (await there.asked(repository.issues)).length > 0, "a request that hangs");
    const place = inDialog ? dialogOf(page) : page.locator("main");
    if (!inDialog) await dialogOf(page).getByRole("link", { name: "Details" }).click();
    await place.getByRole("button", { name: "Cancel" }).click();
    await there.tell("release");
    await place.getByText("Cancelled", { exact: true }).first().waitFor();
    if (inDialog) await dialogOf(page).getByRole("button", { name: "Done" }).click();
  }
  assert.deepEqual(errors, []);
});

// S2.55: in a sentence for people.
test("a failure says what it means and what to do, and is tried again", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 3);
  await there.tell("revoke_token", { token: `token-of-${repository.id}` });
  const { page, open, errors } = await there.visitor("admin");
  await open(`/sources/${repository.id}`);
  await sync(page);
  const dialog = dialogOf(page);
  await dialog.getByText("CREDENTIAL_REJECTED").waitFor();
  await dialog.getByText("Give the source a new one.").waitFor();
  await picture(page, "failure");
  await dialog.getByRole("link", { name: "Details" }).click();
  await page.locator("main").getByText("What to do:").waitFor();
  await there.api("PATCH", `/v1/sources/${repository.id}`, { credential: { token: "another" } });
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator("main [data-status=completed]").waitFor();
  await page.goto(`${there.url}/sources/${repository.id}/runs`);
  await page.locator("figure.chart").getByText("The last 2 runs: 1 completed").waitFor();
  await page.getByLabel("Outcome").selectOption("bad");
  await page.locator(".list-foot").getByText("1 run among 2 looked through").waitFor();
  assert.deepEqual(errors, []);
});

test("held deletions are looked at, kept, or approved", async () => {
  const slug = await there.workspace();
  const folder = await there.folderOf(slug, 40);
  await there.synced(folder.id);
  folder.remove(0, 15);
  const { page, open, errors } = await there.visitor("admin");
  await open(`/sources/${folder.id}`);
  const dialog = dialogOf(page);
  await sync(page);
  await dialog.getByText("DELETIONS_HELD").waitFor();
  await dialog.getByRole("link", { name: "Look at what is held back (15)" }).click();
  await page.getByText("15 items", { exact: true }).waitFor();
  await picture(page, "held");
  await page.getByRole("button", { name: "Keep them" }).click();
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByText("Nothing is held back").waitFor();
  folder.remove(15, 27);
  await there.synced(folder.id);
  await page.goto(`${there.url}/sources/${folder.id}/held`);
  await page.getByLabel("Why?").fill("They were moved");
  await page.getByRole("button", { name: "Remove them here too" }).click();
  await page.getByRole("button", { name: "Remove them", exact: true }).click();
  await dialog.locator("[data-count=deleted]", { hasText: "12" }).waitFor();
  await until(async () => (await there.api("GET", `/v1/sources/${folder.id}`)).held_deletions === 0, "nothing is held");
  assert.deepEqual(errors, []);
});

// S2.53: a bar, and beside it what is being done.
test("the stage is told while it syncs", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 260);
  await hang(repository, 2);
  const { page, open, errors } = await there.visitor("admin");
  await open(`/sources/${repository.id}`);
  await sync(page);
  const dialog = dialogOf(page);
  await dialog.locator(".facts", { hasText: "100" }).waitFor();
  const run = (await there.api("GET", `/v1/sources/${repository.id}/runs`)).runs[0];
  const stage = run.progress.stage;
  assert.match(stage, /^(fetching|matching|creating|updating)$/u);
  await dialog.locator(".progress-doing", { hasText: new RegExp(stage, "iu") }).waitFor();
  await dialog.getByRole("progressbar").waitFor();
  await page.keyboard.press("Escape");
  await page.goto(`${there.url}/runs/${run.id}`);
  await page.locator("main .progress-doing", { hasText: new RegExp(stage, "iu") }).waitFor();
  await there.release(repository, 2);
  await page.locator("main [data-count=created]", { hasText: "260" }).waitFor();
  assert.deepEqual(errors, []);
});

// S2.57: what was new, what was otherwise than before, and what was as before.
test("created, updated and unchanged items are counted apart", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 6);
  await there.synced(repository.id);
  for (const number of [1, 4]) await there.tell("edit_issue", { repository: repository.name, number, title: `Otherwise ${number}` });
  await there.tell("add_issue", { repository: repository.name, title: "New" });
  const { page, open, errors } = await there.visitor("admin");
  await open(`/sources/${repository.id}`);
  await page.getByRole("button", { name: "Sync with options" }).click();
  const dialog = dialogOf(page);
  await dialog.getByLabel("Ask for everything again").check();
  await dialog.getByRole("button", { name: "Sync", exact: true }).click();
  const counted = async (place) => {
    await place.locator("[data-count=created]").waitFor();
    const of = async (name) => (await place.locator(`[data-count=${name}]`).textContent()).replace(/\s/gu, "");
    assert.deepEqual([await of("created"), await of("updated"), await of("skipped")], ["1Created", "2Updated", "4Unchanged"]);
  };
  await counted(dialog);
  await dialog.getByText("3 changes in").waitFor();
  await dialog.getByRole("link", { name: "Details" }).click();
  await counted(page.locator("main"));
  assert.deepEqual(errors, []);
});
