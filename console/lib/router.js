// From an address to a page. Every page can be linked to; what it filters by stands in its query.

import { announce } from "./dom.js";
import { PAGES } from "./routes.js";

let shown = null;
let show = () => {};
let number = 0;

/** The page that an address names, with the parts of the address. */
function match(pathname) {
  const asked = pathname.split("/").filter(Boolean);
  for (const page of PAGES) {
    const parts = page.path.split("/").filter(Boolean);
    if (parts.length !== asked.length) continue;
    const params = {};
    const fits = parts.every((wanted, index) => {
      if (!wanted.startsWith(":")) return wanted === asked[index];
      params[wanted.slice(1)] = decoded(asked[index]);
      return true;
    });
    if (fits) return { page, params };
  }
  return null;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Starts answering to the address; `render` is given each page that it names. */
export function route(render) {
  show = render;
  addEventListener("popstate", () => {
    document.querySelector("dialog[open]")?.close();
    turn(true);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || event.defaultPrevented || link.target || link.origin !== location.origin || !match(link.pathname)) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
  return turn(false);
}

export function go(address, { replace = false } = {}) {
  document.querySelector("dialog[open]")?.close();
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  scrollTo(0, 0);
  return turn(true);
}

/** Shows the page of the present address anew. */
export const again = () => turn(false);

async function turn(moved) {
  shown?.abort();
  const leaving = new AbortController();
  shown = leaving;
  const mine = (number += 1);
  await show({ found: match(location.pathname), query: new URLSearchParams(location.search), signal: leaving.signal });
  if (moved && mine === number && !document.querySelector("dialog[open]")) {
    document.querySelector("main h1")?.focus({ preventScroll: true });
    announce(document.title);
  }
}

/** Puts what a page filters by into its address, without turning to another. */
export function keepQuery(values) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  history.replaceState(history.state, "", query.size ? `${location.pathname}?${query}` : location.pathname);
}
