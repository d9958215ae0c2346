// Everything that is wrong with a page for people who see, hear or press otherwise.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds; the page's visitor has to have come with `bypassCSP`. */
export async function wrongs(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`);
}

/** How far a page reaches beyond the screen. */
export const tooWide = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
