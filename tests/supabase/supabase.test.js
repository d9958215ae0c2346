// Supabase's stock client, as it comes from npm: what it asks of PostgREST, asked of a `pullcord up`.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createClient } from "@supabase/supabase-js";
import { callers, ended, started, tokenOf, until, upFrom } from "../console/processes.js";

const company = "api/v2.0/companies(00000000-0000-4000-8000-00000000c0de)";
const folder = mkdtempSync(join(tmpdir(), "pullcord-supabase-"));

let forge;
let local;
let there;
before(async () => {
  [forge, local] = await Promise.all([started("forge", []), upFrom(folder)]);
  there = callers(local.url, forge.url);
});
after(async () => {
  await Promise.all([local, forge].filter(Boolean).map((one) => ended(one, "SIGKILL")));
  rmSync(folder, { recursive: true, force: true });
});

/** The client of somebody, or of nobody who signed in. What it needs for live changes of its own is not used. */
function clientOf(user) {
  const accessToken = async () => (user ? tokenOf(user) : null);
  return createClient(local.url, "an-anon-key", { accessToken, realtime: { transport: class NoSocket {} } });
}

let named = 0;

/** An organisation with an integration, and who coordinates it. */
async function given({ rests = "PT0S" } = {}) {
  const org = `org-${(named += 1)}`;
  await there.api("POST", "/v1/workspaces", { slug: org, name: `Team ${org}` });
  await there.api("PATCH", `/v1/workspaces/${org}`, { cooldowns: { integration: rests } });
  const coordinator = `cora-of-${org}`;
  await there.api("PUT", `/v1/workspaces/${org}/members/${coordinator}`, { role: "coordinator" });
  const base = `/businesscentral/${org}/${company}`;
  const source = { id: `books-of-${org}`, kind: "integration", provider: "dynamics", entities: ["customers"], base_url: forge.url + base };
  await there.api("POST", `/v1/workspaces/${org}/sources`, source);
  const customers = `${base}/customers`;
  const found = Array.from({ length: 3 }, (_, place) => ({
    id: `00000000-0000-4000-8000-00000000000${place}`,
    displayName: `Customer ${place}`,
    lastModifiedDateTime: "2026-01-01T00:00:00Z",
  }));
  const headers = { "content-type": "application/json" };
  return {
    org,
    coordinator,
    client: clientOf(coordinator),
    wanted: { org_id: org, integration_type: "dynamics" },
    /** What the vendor does next time. */
    answers: () => there.tell("script", { on: customers, behaviour: { kind: "reply", status: 200, headers, body: JSON.stringify({ value: found }) } }),
    hangs: () => there.tell("script", { on: customers, behaviour: { kind: "hang" } }),
    asked: () => until(async () => (await there.asked(customers)).length > 0, "the vendor was asked"),
  };
}

const log = (client) => client.from("sync_run_log");

/** The row of a run, once it has come to its end. */
function followed(client, run) {
  const over = async () => {
    const { data, error } = await log(client).select().eq("run_id", run).single();
    assert.equal(error, null);
    return ["succeeded", "failed", "cancelled"].includes(data.status) ? data : undefined;
  };
  return until(over, `run ${run} ended`);
}

/** An error of a trigger, by its message; the client shows it as it shows PostgREST's own. */
async function refused(client, wanted, status, message) {
  const { data, error, status: answered } = await client.rpc("trigger_integration_sync", wanted);
  assert.deepEqual([data, answered, error?.code, error?.message], [null, status, `PT${status}`, message], JSON.stringify(error));
  assert.equal(error.hint, null);
  assert.ok(error.details.length > 10, error.details);
}

test("S3.16, S3.22, S3.24: a trigger gives a run, which is followed to its end", async () => {
  const { client, wanted, coordinator, org, answers } = await given();
  await answers();

  const { data, error } = await client.rpc("trigger_integration_sync", wanted);

  assert.equal(error, null);
  const { run_id, ...rest } = data;
  assert.deepEqual(rest, { status: "pending", triggered_by: "manual", triggered_by_user_id: coordinator });
  const row = await followed(client, run_id);
  assert.deepEqual([row.org_id, row.status, row.triggered_by, row.error], [org, "succeeded", "manual", null]);
  assert.deepEqual(row.records, { created: 3, updated: 0, skipped: 0, failed: 0 });

  const listed = await log(client).select("run_id, status").eq("run_id", run_id);
  assert.deepEqual([listed.error, listed.data], [null, [{ run_id, status: "succeeded" }]]);
});

test("what failed says why, in the log and to whoever reads it", async () => {
  const { client, wanted } = await given();
  const { data } = await client.rpc("trigger_integration_sync", wanted);
  const row = await followed(client, data.run_id);
  assert.equal(row.status, "failed");
  assert.ok(row.error.length > 10, row.error);
});

test("S3.23: who did not sign in", async () => {
  const { wanted } = await given();
  await refused(clientOf(null), wanted, 401, "unauthenticated");
  const { error } = await log(clientOf(null)).select();
  assert.deepEqual([error.code, error.message], ["PT401", "unauthenticated"]);
});

test("S3.13, S3.14, S3.26, S3.27: who has not the right, and whose organisation is another", async () => {
  const [one, other] = [await given(), await given()];
  await there.api("PUT", `/v1/workspaces/${one.org}/members/vic`, { role: "viewer" });
  await refused(clientOf("vic"), one.wanted, 403, "insufficient_permissions");
  await refused(other.client, one.wanted, 403, "insufficient_permissions");
  await refused(other.client, { ...one.wanted, org_id: "nowhere" }, 403, "insufficient_permissions");
});

test("S3.15, S3.29: a type that is not set up, and parameters that there are not", async () => {
  const { client, wanted } = await given();
  await refused(client, { ...wanted, integration_type: "xledger" }, 400, "unknown_integration_type");
  await refused(client, { ...wanted, role: "admin" }, 400, "validation_failed");
});

test("S3.12, S3.20: what runs is in the way", async () => {
  const { client, wanted, hangs, asked } = await given();
  await hangs();
  const { data } = await client.rpc("trigger_integration_sync", wanted);
  await asked();
  await refused(client, wanted, 409, "sync_already_in_progress");
  const { data: row } = await log(client).select("*").eq("run_id", data.run_id).maybeSingle();
  assert.equal(row.status, "running");
  await there.tell("release");
  await followed(client, data.run_id);
});

test("S3.28: a second trigger within the rest", async () => {
  const { client, wanted, answers } = await given({ rests: "PT5M" });
  await answers();
  const { data } = await client.rpc("trigger_integration_sync", wanted);
  await followed(client, data.run_id);
  await refused(client, wanted, 429, "rate_limited");
});

test("a log is filtered, ordered and cut", async () => {
  const { client, wanted, org, answers } = await given();
  const runs = [];
  for (const answered of [true, false, true]) {
    if (answered) await answers();
    const { data } = await client.rpc("trigger_integration_sync", wanted).select("run_id").single();
    runs.push(data.run_id);
    await followed(client, data.run_id);
  }
  const ids = async (query) => {
    const { data, error } = await query;
    assert.equal(error, null);
    return data.map((row) => row.run_id);
  };
  const [first, second, third] = runs;
  const of = () => log(client).select("run_id").eq("org_id", org);
  assert.deepEqual(await ids(of().order("triggered_at", { ascending: false }).limit(2)), [third, second]);
  assert.deepEqual(await ids(of().order("triggered_at").range(1, 2)), [second, third]);
  assert.deepEqual(await ids(of().eq("status", "failed")), [second]);
  assert.deepEqual(await ids(of().in("status", ["succeeded", "cancelled"]).order("triggered_at", { ascending: true })), [first, third]);
  assert.deepEqual(await ids(of().eq("integration_type", "dynamics").limit(1)), [third]);
  assert.deepEqual(await ids(log(client).select("run_id")), [third, second, first]);

  const one = await of().order("triggered_at").limit(1).single();
  assert.equal(one.data.run_id, first);
  const many = await of().single();
  assert.deepEqual([many.data, many.error.code, many.status], [null, "PGRST116", 406]);
  const none = await of().eq("run_id", "of-nobody").maybeSingle();
  assert.deepEqual([none.data, none.error], [null, null]);
  const wrong = await of().neq("status", "failed");
  assert.deepEqual([wrong.error.code, wrong.error.message], ["PT400", "validation_failed"]);
});
