// What errors mean and what to do about them, in the words of docs/problems.md.

import { h } from "./dom.js";

let table = null;

/** What is known of a code: `{means, next}`, or null. */
export async function explained(code) {
  try {
    table ??= fetch(new URL("../problems.json", import.meta.url)).then((reply) => reply.json());
    return (await table)[code] ?? null;
  } catch {
    table = null;
    return null;
  }
}

/** Documentation's words: what stands between back-ticks is code. */
export function prose(text) {
  return text.split("`").map((piece, index) => (index % 2 ? h("code", {}, piece) : piece));
}
