// Server-sent events read by fetch, so that the token stands in a header and never in an address.

/** Calls `take({event, id, data})` for each event until the stream ends, and `alive` whenever anything came. */
export async function readEvents(body, take, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    rest += value;
    const blocks = rest.split(/\r?\n\r?\n/u);
    rest = blocks.pop();
    for (const block of blocks) {
      const event = parsed(block);
      if (event.data !== "") take(event);
    }
  }
}

function parsed(block) {
  const event = { event: "message", id: null, data: "" };
  for (const line of block.split(/\r?\n/u)) {
    const [, name, value] = /^(\w+): ?(.*)$/u.exec(line) ?? [];
    if (name === "data") event.data += event.data ? `\n${value}` : value;
    else if (name in event) event[name] = value;
  }
  return event;
}
