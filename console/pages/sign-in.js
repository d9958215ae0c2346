// Signing in: by OpenID Connect where the deployment has it, and with a token everywhere.

import { get } from "../lib/api.js";
import { deployment } from "../lib/config.js";
import { h } from "../lib/dom.js";
import { leaveToSignIn } from "../lib/oidc.js";
import { keep, known, offeredToken, whyEnded } from "../lib/session.js";
import { button, field, form } from "../shell/busy.js";
import { mark } from "../shell/icon.js";
import { schemeSwitch } from "../shell/theme.js";

const WHY = { expired: "Your session has ended. Sign in to go on where you were.", left: "You have signed out." };

export default function signIn({ complaint, done }) {
  const ended = WHY[whyEnded()];
  const input = h("input", {
    type: "password",
    name: "token",
    autocomplete: "off",
    spellcheck: "false",
    autofocus: true,
    required: true,
    value: offeredToken() ?? "",
  });
  const bearer = form(
    [field("Bearer token", input, "A JWT of your organisation, or an API token that begins with pct_. It is kept in this tab only.")],
    "Sign in",
    async ({ token }) => {
      const brought = token.trim();
      if (!brought) throw new Error("Paste a token first.");
      if (!/^[\x21-\x7e]+$/u.test(brought)) throw new Error("This is no token: it has characters that no token has.");
      keep(brought);
      known(await get("/v1/me"));
      done();
    },
  );
  const provider = deployment().oidc && [
    button("Sign in with your organisation", leaveToSignIn, { class: "primary wide" }),
    h("p", { class: "or" }, "or"),
  ];
  return h(
    "main",
    { class: "bare" },
    h(
      "div",
      { class: "sign-in" },
      h("div", { class: "sign-in-head" }, mark(), h("h1", { tabindex: "-1" }, "Pullcord"), schemeSwitch()),
      h("p", { class: "lead" }, "Sync on demand: see what is stale, pull, and watch it come."),
      offeredToken() &&
        h(
          "p",
          { class: "notice", role: "status" },
          "This address brought a token. Sign in with it only if you expected that: what you do then is done in its name.",
        ),
      ended && h("p", { class: "notice", role: "status" }, ended),
      complaint && h("p", { class: "complaint", role: "alert" }, complaint),
      provider,
      bearer,
      h(
        "p",
        { class: "hint" },
        "Running ",
        h("code", {}, "pullcord up"),
        "? It prints an address with a ready sign-in when it starts, and keeps its token in ",
        h("code", {}, ".pullcord/admin-token"),
        ".",
      ),
    ),
  );
}
