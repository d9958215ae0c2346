// The one way to the API: JSON with the token in a header. What is refused comes back as a Problem, whoever refused it.

import { leave, token } from "./session.js";
import { learn } from "./time.js";

/** An answer that is not what was wished for. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.message || body.title || `The answer was ${status}.`);
    this.status = status;
    this.code = body.code ?? "UNKNOWN";
    this.body = body;
  }
}

/** What is said where nobody answers. */
export const UNREACHABLE = {
  code: "UNREACHABLE",
  title: "Pullcord does not answer",
  detail: "Pullcord does not answer. Nothing was lost; check the network and try again.",
};

/** Whether an error only says that the page has moved on. */
export const isAbort = (error) => error?.name === "AbortError";

export async function call(method, path, { body, query, signal, headers = {} } = {}) {
  const asked = new URLSearchParams(
    Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== ""),
  );
  const address = asked.size ? `${path}?${asked}` : path;
  const sent = { ...headers, authorization: `Bearer ${token()}` };
  if (body !== undefined) sent["content-type"] = "application/json";
  let reply;
  try {
    reply = await fetch(address, {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      cache: "no-store",
    });
  } catch (why) {
    if (isAbort(why)) throw why;
    throw new Problem(0, UNREACHABLE);
  }
  learn(reply.headers.get("date"));
  return read(reply);
}

export async function read(reply) {
  if (reply.status === 204) return null;
  const text = await reply.text();
  const body = parsed(text);
  if (reply.ok && body !== null) return body;
  if (reply.status === 401) leave("expired");
  throw new Problem(
    reply.status,
    body ?? { title: `The answer was ${reply.status} and no problem document.`, request_id: reply.headers.get("x-request-id") },
  );
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const get = (path, query, signal) => call("GET", path, { query, signal });
export const post = (path, body, more) => call("POST", path, { body, ...more });
export const put = (path, body) => call("PUT", path, { body });
export const patch = (path, body) => call("PATCH", path, { body });
export const remove = (path) => call("DELETE", path);
export const part = encodeURIComponent;

/** A key for a trigger: pressed twice, or sent twice, it is one wish. */
export const wish = () => ({
  "idempotency-key": Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16)).join("-"),
});
