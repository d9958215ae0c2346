// Who is signed in. The token lives in this tab's sessionStorage and in headers, and nowhere else: an address that brings
// one is cleaned at once. A tab that has none asks the other tabs of this browser before it asks a person.

const KEY = "pullcord-token";
const ANSWER_WITHIN = 120;
/** Where `pullcord up` is, whose addresses sign in by themselves. */
const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

let held = null;
let person = null;
let ended = null;
let offered = null;
const tabs = typeof BroadcastChannel === "function" ? new BroadcastChannel("pullcord-session") : null;

export const token = () => held;
export const me = () => person;
/** Why nobody is signed in: null at first, or "expired", or "left". */
export const whyEnded = () => ended;

/** A token that an address brought and nobody has decided on. */
export const offeredToken = () => offered;

/** Takes a token out of the address, or out of storage, or from another tab. */
export async function recall() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (fragment.has("token")) {
    const brought = fragment.get("token").trim();
    history.replaceState(history.state, "", location.pathname + location.search);
    // Elsewhere an address may come from someone who wants another to work in their name: a person decides.
    if (LOOPBACK.includes(location.hostname)) keep(brought);
    else offered = brought;
  } else {
    held = sessionStorage.getItem(KEY) ?? (await fromAnotherTab());
    if (held) keep(held);
  }
  tabs?.addEventListener("message", ({ data }) => {
    if (data.asks && held) tabs.postMessage({ token: held });
    if (data.left && held) leave("left", false);
  });
}

function fromAnotherTab() {
  if (!tabs) return null;
  return new Promise((resolve) => {
    const told = ({ data }) => data.token && settle(data.token);
    const settle = (found) => {
      tabs.removeEventListener("message", told);
      resolve(found);
    };
    tabs.addEventListener("message", told);
    tabs.postMessage({ asks: true });
    setTimeout(() => settle(null), ANSWER_WITHIN);
  });
}

export function keep(brought) {
  held = brought;
  ended = null;
  offered = null;
  sessionStorage.setItem(KEY, brought);
}

export function known(found) {
  person = found;
}

let onEnd = () => {};
export function whenEnded(listener) {
  onEnd = listener;
}

/** Nobody is signed in any more. */
export function leave(why, tellOthers = true) {
  if (!held && ended) return;
  held = null;
  person = null;
  ended = why;
  sessionStorage.removeItem(KEY);
  if (tellOthers && why === "left") tabs?.postMessage({ left: true });
  onEnd();
}
