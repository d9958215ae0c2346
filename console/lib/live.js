// Following runs. Of all tabs of a browser one reads the run's stream, which the lock of the run's name decides; it tells
// the others. When it closes, the next one goes on after the version it knows. Where a gateway holds the stream back,
// the answer to a question that waits takes its place.

import { Problem, get, part, read } from "./api.js";
import { deployment } from "./config.js";
import { me, token } from "./session.js";
import { readEvents } from "./stream.js";

const TERMINAL = ["completed", "completed_with_warnings", "failed", "cancelled"];
export const hasEnded = (run) => TERMINAL.includes(run.status);

/** A stream whose first line does not come by then is held back by somebody. */
const HELD_BACK_AFTER = 5000;
/** A stream says something at least every 15 seconds; one that is silent for as long is dead, though nobody said so. */
const DEAD_AFTER = 40_000;
/** A tab that only listens looks for itself after a silence of this length. */
const SILENCE = 45_000;
const LONGEST_PAUSE = 8000;

const followed = new Map();
let mode = null;

/** Calls `take(run, how)` with every news of a run, until it has ended or the answer is called. `how` is live, waiting or lost. */
export function follow(id, take, first = null) {
  const one = followed.get(id) ?? new Followed(id);
  followed.set(id, one);
  return one.join(take, first);
}

class Followed {
  constructor(id) {
    this.id = id;
    this.run = null;
    this.how = "live";
    this.takers = new Set();
    this.stopped = new AbortController();
    const name = `pullcord-run-${me()?.user}-${id}`;
    this.channel = typeof BroadcastChannel === "function" ? new BroadcastChannel(name) : null;
    if (this.channel) this.channel.onmessage = ({ data }) => this.hear(data);
    this.heard = Date.now();
    this.watch = setInterval(() => this.look(), SILENCE / 3);
    const lead = () => this.lead(this.stopped.signal);
    const led = navigator.locks ? navigator.locks.request(name, { signal: this.stopped.signal }, lead) : lead();
    led.catch(() => {});
  }

  join(take, first) {
    this.takers.add(take);
    if (first) this.hear(first);
    if (this.run) take(this.run, this.how);
    return () => {
      this.takers.delete(take);
      if (this.takers.size === 0) this.stop();
    };
  }

  hear(run, mine = false) {
    this.heard = Date.now();
    if (this.run && run.version <= this.run.version) return;
    this.run = run;
    if (mine) this.channel?.postMessage(run);
    this.tell("live");
    if (hasEnded(run)) this.stop();
  }

  tell(how) {
    this.how = how;
    if (this.run) for (const take of [...this.takers]) take(this.run, how);
  }

  stop() {
    this.stopped.abort();
    clearInterval(this.watch);
    // What was posted last has to leave before the channel closes.
    setTimeout(() => this.channel?.close(), 100);
    if (followed.get(this.id) === this) followed.delete(this.id);
  }

  async look() {
    if (Date.now() - this.heard < SILENCE || this.stopped.signal.aborted) return;
    await this.ask().catch(() => {});
  }

  async ask(query) {
    const signal = AbortSignal.any([this.stopped.signal, AbortSignal.timeout(DEAD_AFTER)]);
    this.hear(await get(`/v1/runs/${part(this.id)}`, query, signal), true);
  }

  /** Reads until the run has ended, whatever happens in between. */
  async lead(signal) {
    let pause = 250;
    while (!signal.aborted) {
      const before = this.run?.version;
      try {
        await ((mode ?? deployment().events.by) === "stream" ? this.stream(signal) : this.poll(signal));
      } catch (why) {
        if (signal.aborted) return;
        if (why instanceof Problem && [401, 403, 404].includes(why.status)) return this.stop();
        this.tell("lost");
      }
      pause = this.run?.version === before ? Math.min(pause * 2, LONGEST_PAUSE) : 250;
      if (!signal.aborted) await waited(pause, signal);
    }
  }

  async poll(signal) {
    while (!signal.aborted && !(this.run && hasEnded(this.run))) {
      await this.ask(this.run ? { wait: "PT20S", after: this.run.version } : {});
      if (this.how !== "live") this.tell("live");
    }
  }

  async stream(signal) {
    const held = new AbortController();
    const stop = () => held.abort();
    signal.addEventListener("abort", stop);
    let quiet = null;
    const alive = () => {
      clearTimeout(quiet);
      quiet = setTimeout(stop, DEAD_AFTER);
    };
    const late = setTimeout(() => {
      mode = "poll";
      held.abort();
    }, HELD_BACK_AFTER);
    try {
      const headers = { authorization: `Bearer ${token()}`, accept: "text/event-stream" };
      if (this.run) headers["last-event-id"] = String(this.run.version);
      const path = `${deployment().events.base}/v1/runs/${part(this.id)}/events`;
      const reply = await fetch(path, { headers, signal: held.signal, cache: "no-store" });
      clearTimeout(late);
      alive();
      if (!reply.ok) await read(reply);
      if (this.how !== "live") this.tell("live");
      await readEvents(reply.body, ({ event, data }) => event === "run" && this.hear(JSON.parse(data), true), alive);
    } finally {
      clearTimeout(late);
      clearTimeout(quiet);
      signal.removeEventListener("abort", stop);
    }
  }
}

/** Waits; being online again ends it early. */
function waited(pause, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, pause);
    addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
