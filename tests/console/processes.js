// A `pullcord up` of its own on a port of its own, and a simulated forge beside it, as processes; whoever tests against
// them need not know how they are started. Nothing here sleeps; everything waits for what it wants to see.

import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const binaries = join(process.env.CARGO_TARGET_DIR ?? join(here, "../../target"), "debug");
const secret = "known-to-everybody-and-only-for-these-tests";

/** A bearer token for somebody, as an identity provider would make it. */
export function tokenOf(user, seconds = 3600) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, exp: Math.floor(Date.now() / 1000) + seconds })}`;
  return `${head}.${createHmac("sha256", secret).update(head).digest("base64url")}`;
}

/** Starts a program; ready once it says so. */
export function started(name, args, environment = {}) {
  const program = spawn(join(binaries, name), args, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  process.once("exit", () => program.kill("SIGKILL"));
  let said = "";
  return new Promise((resolve, reject) => {
    program.once("error", reject);
    program.once("exit", (code) => reject(new Error(`${name} ended with ${code}: ${said.slice(-2000)}`)));
    program.stderr.on("data", (data) => (said = (said + data).slice(-20_000)));
    program.stdout.on("data", (data) => {
      said += data;
      const ready = /^ready (\S+)$/mu.exec(said);
      if (ready) resolve({ program, url: ready[1], said });
    });
  });
}

export function ended({ program }, signal = "SIGTERM") {
  if (program.exitCode !== null || program.signalCode !== null) return undefined;
  return new Promise((resolve) => {
    program.once("exit", resolve);
    program.kill(signal);
  });
}

/** Starts a `pullcord up` whose state lies in a folder. */
export function upFrom(folder, settings = {}, listen = "127.0.0.1:0") {
  const told = { PULLCORD_JWT_SECRET: secret, PULLCORD_TICK: "PT1S", PULLCORD_LOG: "warn", ...settings };
  return started("pullcord", ["up", "--no-demo", "--listen", listen, "--data", folder], told);
}

/** How both are talked to. */
export function callers(url, forgeUrl) {
  async function api(method, path, body, user = "admin") {
    const reply = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${tokenOf(user)}`, ...(body ? { "content-type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${path} answered ${reply.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  async function tell(command, fields = {}) {
    const reply = await fetch(`${forgeUrl}/_forge/${command}`, { method: "POST", body: JSON.stringify(fields) });
    if (!reply.ok) throw new Error(`the forge answered ${reply.status} to ${command}: ${await reply.text()}`);
  }

  /** What the forge was asked on a path. */
  const asked = async (path) => (await fetch(`${forgeUrl}/_forge/journal?to=${encodeURIComponent(path)}`)).json();

  return { api, tell, asked };
}

/** Waits until an asynchronous condition holds. */
export async function until(holds, what) {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const found = await holds();
    if (found) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`it never came to be: ${what}`);
}
