// What can be said along with a sync, and what it would come to, rule by rule.

import { get, part } from "../lib/api.js";
import { streamName, streamsOf } from "../lib/config.js";
import { h, put, said } from "../lib/dom.js";
import { count, words } from "../lib/text.js";
import { clock, at, milliseconds, readable, relative, span } from "../lib/time.js";
import { button, choice } from "../shell/busy.js";
import { icon } from "../shell/icon.js";

const NAMES = {
  role: "Your role",
  confirmation: "Confirmation",
  running: "Nothing else runs",
  cooldown: "Cooldown",
  quota: "Quota at the provider",
  credential: "Credential",
};

/** The form, and what it says: `{element, options()}`. */
export function optionsForm(source, runs) {
  const streams = source.streams.length > 1 ? source.streams : [];
  const choices = [
    choice("Ask for everything again", "full", "Not only what changed since the last time: slower, and costs more quota."),
    source.kind === "repository" &&
      choice("Closed items too", "includeClosed", "New items that are closed already are left out otherwise."),
    runs && choice("Stop the present run and begin anew", "force", "What it has done until now stays."),
  ];
  const some =
    streams.length > 0 &&
    h(
      "fieldset",
      {},
      h("legend", {}, "Only some of its streams"),
      streams.map((stream) => choice(streamName(stream), `stream-${stream}`, null, { checked: true })),
    );
  const element = h("form", { class: "options" }, choices, some);
  const options = () => {
    const said = new FormData(element);
    const wanted = streams.filter((stream) => said.has(`stream-${stream}`));
    return {
      full: said.has("full"),
      includeClosed: said.has("includeClosed"),
      force: said.has("force"),
      streams: wanted.length === streams.length ? [] : wanted,
    };
  };
  element.addEventListener("submit", (event) => event.preventDefault());
  return { element, options, offersStreams: streamsOf(source).length > 1 };
}

/** A button that says what these options would come to, and where it says so. */
export function explainer(source, options) {
  const place = h("div", { class: "explained", "aria-live": "polite" });
  const press = button("Check first", async () => {
    const { full, includeClosed, force } = options();
    const query = { full: full || null, includeClosed: includeClosed || null, onConflict: force ? "restart" : null };
    put(place, checklist(await get(`/v1/sources/${part(source.id)}/sync/explain`, query)));
  });
  return { press, place };
}

const VERDICTS = {
  accepted: ["good", "It would begin at once."],
  attached: ["good", "It would join the run that is under way."],
  follow_up: ["good", "It would run after the one that is under way."],
  parked: ["warn", "It would be parked, and run by itself."],
  fresh: ["good", "It is fresh enough; nothing would run."],
};

function checklist(explained) {
  const [kind, verdict] = VERDICTS[explained.outcome] ?? ["bad", refusedFor(explained)];
  const lines = explained.checks.map((one) =>
    h(
      "li",
      { class: one.ok ? "good" : "bad" },
      icon(one.ok ? "check" : "cross", one.ok ? "in order" : "in the way"),
      h("span", { class: "check-name" }, NAMES[one.check] ?? words(one.check)),
      h("span", { class: "check-because" }, said(readable(one.because), 200)),
    ),
  );
  const { requests, duration, runs_seen: seen } = explained.estimate;
  const cost = seen
    ? `Judged by its last ${count(seen, "run")}: ${requests === null ? "" : `about ${count(requests, "request")}, `}${duration ? span(milliseconds(duration)) : "no time known"}.`
    : "There is too little past yet to judge the cost by.";
  return [h("p", { class: `verdict ${kind}` }, verdict), h("ul", { class: "checklist" }, lines), h("p", { class: "hint" }, cost)];
}

function refusedFor({ reason, until, can_park: canPark }) {
  const words = {
    COOLDOWN_ACTIVE: "It cools down",
    RATE_LIMIT_LOW: "Too little quota is left",
    SYNC_IN_PROGRESS: "A sync is running",
    CONFIRMATION_REQUIRED: "It has to be confirmed",
    FORBIDDEN: "Your role does not allow it",
  };
  const how = until ? `, until ${clock(at(until))} (${relative(at(until))})` : "";
  return `${words[reason] ?? `It would be refused (${reason})`}${how}.${canPark ? " It could be parked." : ""}`;
}
