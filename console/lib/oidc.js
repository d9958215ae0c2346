// Signing in by OpenID Connect: authorization code with PKCE, as a client without a secret. The code comes back to
// /signed-in; what it is exchanged for is kept like any other token.

import { deployment } from "./config.js";
import { keep } from "./session.js";

const KEY = "pullcord-oidc";

const text = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const random = () => text(crypto.getRandomValues(new Uint8Array(32)));
const here = () => `${location.origin}/signed-in`;

/** Leaves for the provider; comes back to the page that is shown now. */
export async function leaveToSignIn() {
  const { authorize_url, client_id, scope } = deployment().oidc;
  const [verifier, state] = [random(), random()];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  sessionStorage.setItem(KEY, JSON.stringify({ verifier, state, back: location.pathname + location.search }));
  const address = new URL(authorize_url);
  const asked = {
    response_type: "code",
    client_id,
    scope,
    state,
    redirect_uri: here(),
    code_challenge: text(new Uint8Array(digest)),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  location.assign(address);
}

/** Takes what the provider sent back. Says what went wrong, or null. */
export async function comeBack() {
  if (location.pathname !== "/signed-in") return null;
  const given = new URLSearchParams(location.search);
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  sessionStorage.removeItem(KEY);
  history.replaceState(null, "", kept?.back ?? "/");
  if (!given.has("code") && !given.has("error")) return null;
  if (!kept || given.get("state") !== kept.state) return "This sign-in was not begun here, or was begun twice. Try again.";
  if (given.has("error")) return `The sign-in was refused: ${given.get("error_description") ?? given.get("error")}`;
  try {
    const found = await exchanged(given.get("code"), kept.verifier);
    if (!found) return "The provider accepted you, but this deployment accepts none of the tokens it gave.";
    keep(found);
    return null;
  } catch {
    return "The provider did not give a token. Try again.";
  }
}

/** A token that this deployment accepts: access tokens are not JWTs everywhere. */
async function exchanged(code, verifier) {
  const { token_url, client_id } = deployment().oidc;
  const body = new URLSearchParams({ grant_type: "authorization_code", code, client_id, redirect_uri: here(), code_verifier: verifier });
  const reply = await fetch(token_url, { method: "POST", body });
  const given = await reply.json();
  for (const candidate of [given.access_token, given.id_token].filter(Boolean)) {
    const tried = await fetch("/v1/me", { headers: { authorization: `Bearer ${candidate}` } });
    if (tried.ok) return candidate;
  }
  return null;
}
