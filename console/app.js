// Starts the console: who is signed in, what this deployment is, and the page that the address names.

import { get, isAbort, Problem, UNREACHABLE } from "./lib/api.js";
import { deployment, loadConfig } from "./lib/config.js";
import { h, put } from "./lib/dom.js";
import { comeBack } from "./lib/oidc.js";
import { again, route } from "./lib/router.js";
import { known, me, recall, token, whenEnded } from "./lib/session.js";
import { visible } from "./lib/text.js";
import { keepTime } from "./lib/time.js";
import { toast } from "./shell/busy.js";
import { frame, pageHead, showCrumbs } from "./shell/frame.js";
import { empty, failed, skeleton } from "./shell/list.js";
import { listenForKeys, offer } from "./shell/palette.js";
import { hideBanner, recallBanner } from "./sync/sync-status-banner.js";

const root = document.getElementById("app");
const RELOADED = "pullcord-reloaded";
let main = null;
let complaint = null;

async function start() {
  await Promise.all([loadConfig(), recall()]);
  if (deployment().oidc) complaint = await comeBack();
  whenEnded(() => {
    hideBanner();
    document.querySelector("dialog[open]")?.close();
    main = null;
    again();
  });
  listenForKeys();
  keepTime();
  await route(render);
}

/** Shows a page. Until it is there the one before stays, with a sign that something comes. */
async function render({ found, query, signal }) {
  offer([]);
  try {
    if (!token()) return await signIn();
    if (!me()) known(await get("/v1/me"));
    if (!main) {
      main = frame(root);
      put(main, skeleton());
      recallBanner();
    }
    main.classList.add("turning");
    if (!found) return nothing();
    const module = await found.page.load();
    sessionStorage.removeItem(RELOADED);
    const context = { params: found.params, query, signal, main, title, turn: again };
    if (!signal.aborted) await module.default(context);
  } catch (why) {
    if (isAbort(why) || signal.aborted || why.status === 401) return undefined;
    if (isMissing(why)) return missing(why);
    if (!(why instanceof Problem)) console.error(why);
    return broken(why);
  } finally {
    if (!signal.aborted) main?.classList.remove("turning");
  }
  return undefined;
}

async function signIn() {
  main = null;
  title("Sign in");
  const { default: page } = await import("./pages/sign-in.js");
  put(root, page({ complaint, done: again }));
  complaint = null;
}

function title(text) {
  document.title = visible(`${text} · Pullcord`);
}

/** A page's file could not be had: nobody answers, or another version was deployed, whose files have other names. */
const isMissing = (why) => why instanceof TypeError && /module/u.test(why.message);

/** A fresh page knows the new names. Once is enough: what is missing then is missing. */
async function missing(why) {
  const there = await fetch("/config.json", { cache: "no-store" }).catch(() => null);
  if (!there?.ok) return broken(new Problem(0, UNREACHABLE));
  if (sessionStorage.getItem(RELOADED)) return broken(why);
  sessionStorage.setItem(RELOADED, "once");
  return location.reload();
}

function nothing() {
  title("Nothing here");
  showCrumbs([["Nothing here"]]);
  put(
    main,
    pageHead("Nothing here"),
    empty("This address leads nowhere", h("p", {}, h("a", { class: "button", href: "/" }, "All workspaces"))),
  );
}

function broken(why) {
  title("Not shown");
  if (!main) return put(root, h("main", { class: "bare" }, failed(why, again)));
  showCrumbs([["Not shown"]]);
  return put(
    main,
    pageHead(why.status === 404 ? "Not found" : "Not shown"),
    why.status === 404
      ? empty(
          "There is no such thing, or you may not see it",
          "Check the address, and whether you are a member of its workspace.",
          h("p", {}, h("a", { class: "button", href: "/" }, "All workspaces")),
        )
      : failed(why, again),
  );
}

addEventListener("unhandledrejection", ({ reason }) => {
  if (!isAbort(reason) && reason?.status !== 401) toast(reason?.message ?? "Something went wrong in the console.", "bad");
});

start().catch((why) => {
  console.error(why);
  put(
    root,
    h("main", { class: "bare" }, empty("Pullcord does not answer", "Nothing was lost. Check the network and load the page again.")),
  );
});
