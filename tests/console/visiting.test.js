// The first visit: signing in, what is loaded and from where, deep links, the keyboard, and a narrow screen.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { picture, tokenOf, until, world } from "./world.js";

let there;
before(async () => (there = await world()));
after(() => there?.close());

test("the address that `up` prints signs in, and keeps no token", async () => {
  const printed = /^ {2}(http:\S+\/#token=\S+)$/mu.exec(there.said())?.[1];
  assert.ok(printed, "up prints an address with a ready sign-in");
  const { page, errors, requests } = await there.visitor("admin", { signedIn: false });
  await page.goto(printed);
  await page.getByRole("heading", { name: "No workspace yet" }).waitFor();
  assert.equal(page.url(), `${there.url}/`);
  assert.ok(
    requests.every((url) => !url.includes("token=")),
    "a token in an address leaves the browser",
  );
  const kept = await page.evaluate(() => [JSON.stringify(localStorage), document.cookie, history.state]);
  assert.deepEqual(kept, ["{}", "", null]);
  await page.getByRole("button", { name: "New workspace" }).first().click();
  await page.getByLabel("Name").fill("Our first");
  assert.equal(await page.getByLabel("Id").inputValue(), "our-first");
  await page.getByRole("button", { name: "Make it" }).click();
  await page.getByRole("heading", { name: "No sources yet" }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/workspaces/our-first");
  assert.deepEqual(errors, []);
});

test("the first load is light, comes from this host alone, and is kept", async () => {
  const slug = await there.workspace();
  const { page, context, open, requests } = await there.visitor("admin");
  const wire = await context.newCDPSession(page);
  await wire.send("Network.enable");
  let weight = 0;
  wire.on("Network.loadingFinished", ({ encodedDataLength }) => (weight += encodedDataLength));
  await open(`/workspaces/${slug}`);
  await page.getByRole("heading", { name: "No sources yet" }).waitFor();
  assert.ok(weight > 10_000 && weight < 100 * 1024, `${weight} bytes`);
  assert.deepEqual(
    requests.filter((url) => new URL(url).origin !== there.url),
    [],
  );
  const reply = await fetch(`${there.url}/`);
  const policy = reply.headers.get("content-security-policy");
  assert.match(
    policy,
    /default-src 'none'; script-src 'self'; style-src 'self';.*connect-src 'self';.*require-trusted-types-for 'script'/u,
  );
  assert.equal(reply.headers.get("cache-control"), "no-cache");
  const again = await fetch(`${there.url}/workspaces/x`, { headers: { "if-none-match": reply.headers.get("etag") } });
  assert.equal(again.status, 304);
  const asset = requests.find((url) => url.endsWith("/app.js"));
  const sent = await fetch(asset);
  assert.match(sent.headers.get("cache-control"), /immutable/u);
  assert.equal(sent.headers.get("content-encoding"), "gzip");
  assert.equal((await fetch(asset.replace(/assets\/\w+/u, "assets/older"))).status, 404);
  const plain = await fetch(asset, { headers: { "accept-encoding": "identity" } });
  assert.equal(plain.headers.get("content-encoding"), null);
  assert.equal(await plain.text(), await sent.text());
});

test("a token is asked for where there is none, and a wrong one is said to be", async () => {
  const slug = await there.workspace();
  const { page, errors } = await there.visitor("admin", { signedIn: false });
  await page.goto(`${there.url}/workspaces/${slug}/members`);
  await page.getByLabel("Bearer token").fill("nonsense");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Pullcord" }).waitFor();
  await page.getByText("Your session has ended").waitFor();
  await page.getByLabel("Bearer token").fill(tokenOf("admin"));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Nobody is a member yet").waitFor();
  assert.equal(new URL(page.url()).pathname, `/workspaces/${slug}/members`, "a deep link survives signing in");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You have signed out").waitFor();
  assert.deepEqual(errors, []);
});

test("an address that brings a token to another place than this machine asks first", async () => {
  const slug = await there.workspace();
  const repository = await there.repository(slug, 3);
  // Over plain http a browser says that one header has no effect.
  const { page, errors } = await there.visitor("admin", { signedIn: false, expected: /Cross-Origin-Opener-Policy/u });
  const elsewhere = there.url.replace("127.0.0.1", "pullcord.test");
  await page.goto(`${elsewhere}/sources/${repository.id}#token=${tokenOf("admin")}`);
  await page.getByText("This address brought a token.").waitFor();
  assert.equal(page.url(), `${elsewhere}/sources/${repository.id}`);
  await page.getByRole("button", { name: "Sign in" }).click();
  // Nor does it have locks or a clipboard then; the cord works all the same.
  await page.locator("button.sync").click();
  await page.getByRole("dialog").getByText("Completed", { exact: true }).waitFor();
  assert.deepEqual(errors, []);
});

test("signing in by OpenID Connect with PKCE", async () => {
  const { page, errors } = await there.visitor("admin", { signedIn: false });
  const provider = "https://login.example.com";
  await page.route("**/config.json", async (route) => {
    const reply = await route.fetch();
    const oidc = {
      authorize_url: `${provider}/authorize`,
      token_url: `${there.url}/token-of-the-provider`,
      client_id: "console",
      scope: "openid",
    };
    await route.fulfill({ json: { ...(await reply.json()), oidc } });
  });
  let asked = null;
  let exchanged = null;
  await page.route(`${provider}/**`, (route) => {
    asked = new URL(route.request().url()).searchParams;
    return route.fulfill({ status: 302, headers: { location: `${asked.get("redirect_uri")}?code=the-code&state=${asked.get("state")}` } });
  });
  await page.route("**/token-of-the-provider", (route) => {
    exchanged = new URLSearchParams(route.request().postData());
    return route.fulfill({ json: { access_token: "opaque", id_token: tokenOf("admin") } });
  });
  await page.goto(`${there.url}/workspaces/${await there.workspace()}`);
  await page.getByRole("button", { name: "Sign in with your organisation" }).click();
  await page.getByText("No sources yet").waitFor();
  assert.equal(asked.get("code_challenge_method"), "S256");
  assert.equal(asked.get("response_type"), "code");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(exchanged.get("code_verifier")));
  assert.equal(Buffer.from(digest).toString("base64url"), asked.get("code_challenge"));
  assert.match(page.url(), /\/workspaces\/ws-\d+$/u, "it goes on where it was, without code or state");
  assert.deepEqual(errors, []);
});

test("every page can be linked to, and an address that leads nowhere says so", async () => {
  const slug = await there.workspace();
  const { id } = await there.repository(slug, 3);
  const run = await there.synced(id);
  const { page, open, errors } = await there.visitor("admin");
  await open("/");
  for (const path of [
    `/sources/${id}/items?q=a`,
    `/sources/${id}/runs?outcome=good`,
    `/runs/${run.id}`,
    `/workspaces/${slug}/audit?q=${id}`,
  ]) {
    await page.goto(there.url + path);
    await page.locator("main table tbody tr, main .timeline li").first().waitFor();
    assert.equal(page.url(), there.url + path);
  }
  for (const path of ["/sources/nobody-has-this", "/runs/01900000-0000-7000-8000-000000000000", "/workspaces/a/b/c/d"]) {
    await page.goto(there.url + path);
    await page.getByRole("heading", { name: /Not found|Nothing here/u }).waitFor();
  }
  await page.goto(`${there.url}/sources/${id}`);
  await page.getByRole("link", { name: "Runs", exact: true }).click();
  await page.getByRole("link", { name: "Items" }).click();
  await page.locator("td .as-link").first().waitFor();
  await page.goBack();
  await page.getByRole("columnheader", { name: "Outcome" }).waitFor();
  assert.deepEqual(errors, []);
});

// S2.54, S2.90: from a key that is pressed to what the sync counted and to the items that it brought.
test("everything can be done with the keyboard", async () => {
  const slug = await there.workspace();
  const { id } = await there.repository(slug, 5);
  const { page, open, errors } = await there.visitor("admin");
  await open(`/workspaces/${slug}`);
  await page.locator("td").first().waitFor();
  const press = (key) => page.keyboard.press(key);
  await press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
  await press("Control+k");
  await page.keyboard.type(`source ${id}`);
  await page.locator(".palette [aria-selected=true]", { hasText: id }).waitFor();
  await press("Enter");
  await page.getByText("It has not been synced yet").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1", "the focus is on the new page's name");
  await press("s");
  await page.getByRole("dialog").locator(".counts").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Done");
  await press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await press("i");
  await page.locator("td .as-link").first().waitFor();
  await press("/");
  assert.equal(await page.evaluate(() => document.activeElement.type), "search");
  await press("Tab");
  await press("g");
  assert.match(page.url(), /\/items$/u, "a key that belongs to a field leads nowhere");
  await page.locator("td .as-link").first().focus();
  await press("Enter");
  await page.getByRole("dialog").getByText("Id", { exact: true }).waitFor();
  await press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.className), "as-link", "the focus is back where it was");
  await press("g");
  await press("h");
  await page.getByRole("heading", { name: "Workspaces" }).waitFor();
  assert.deepEqual(errors, []);
});

test("a narrow screen has room for everything", async () => {
  const slug = await there.workspace();
  const { id } = await there.repository(slug, 60);
  const run = await there.synced(id);
  const { page, open, errors } = await there.visitor("admin", { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  const paths = [
    "/",
    `/workspaces/${slug}`,
    ...["runs", "members", "tokens", "audit", "settings"].map((tab) => `/workspaces/${slug}/${tab}`),
    `/sources/${id}`,
    ...["items", "runs", "held", "settings"].map((tab) => `/sources/${id}/${tab}`),
    `/runs/${run.id}`,
  ];
  for (const path of paths) {
    await open(path);
    await page.locator("main .skeleton").waitFor({ state: "detached" });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
  }
  await open(`/workspaces/${slug}`);
  await page.getByRole("button", { name: /^Sync acme/u }).tap();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Completed", { exact: true }).waitFor();
  const box = await dialog.boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 360 && box.height <= 740, JSON.stringify(box));
  await picture(page, "narrow");
  assert.deepEqual(errors, []);
});

test("nothing moves once it is there", async () => {
  const slug = await there.workspace();
  const { id } = await there.repository(slug, 60);
  await there.synced(id);
  const { page, open } = await there.visitor("admin");
  await page.addInitScript(() => {
    globalThis.shifted = 0;
    new PerformanceObserver((list) =>
      list.getEntries().forEach((entry) => (globalThis.shifted += entry.hadRecentInput ? 0 : entry.value)),
    ).observe({ type: "layout-shift", buffered: true });
  });
  for (const path of [`/workspaces/${slug}`, `/sources/${id}`, `/sources/${id}/items`]) {
    await open(path);
    await page.locator("main .skeleton").waitFor({ state: "detached" });
    await until(() => page.evaluate(() => document.readyState === "complete"), "loaded");
    const shifted = await page.evaluate(() => globalThis.shifted);
    assert.ok(shifted < 0.02, `${path} shifts by ${shifted}`);
  }
});
