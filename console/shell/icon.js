// The few pictures there are, drawn with lines of one width.

import { svg } from "../lib/dom.js";

const LINES = {
  search: ["M11 19a8 8 0 1 0 0-16 8 8 0 0 0 0 16z", "m21 21-4.3-4.3"],
  sun: [
    "M12 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9z",
    "M12 2.5v2",
    "M12 19.5v2",
    "m5.3 5.3 1.4 1.4",
    "m17.3 17.3 1.4 1.4",
    "M2.5 12h2",
    "M19.5 12h2",
    "m5.3 18.7 1.4-1.4",
    "m17.3 6.7 1.4-1.4",
  ],
  moon: ["M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z"],
  system: ["M3.5 5h17v11.5h-17z", "M9 20.5h6", "M12 16.5v4"],
  down: ["m6 9.5 6 6 6-6"],
  right: ["m9.5 6 6 6-6 6"],
  close: ["M6 6l12 12", "M18 6 6 18"],
  check: ["m5 12.5 4.5 4.5L19 7.5"],
  cross: ["M7 7l10 10", "M17 7 7 17"],
  warn: ["M12 4 2.8 19.5h18.4z", "M12 10v4.5", "M12 17v.1"],
  pause: ["M9 6v12", "M15 6v12"],
  clock: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M12 7.5V12l3 2"],
  out: ["M10 4H5v16h5", "M14 8l4 4-4 4", "M18 12H9"],
  link: ["M14 4h6v6", "M20 4l-9 9", "M18 14v6H4V6h6"],
  minus: ["M6 12h12"],
};

export function icon(name, label = null) {
  const shape = svg(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", role: label ? "img" : null, "aria-label": label, "aria-hidden": label ? null : "true" },
    LINES[name].map((line) => svg("path", { d: line })),
  );
  return shape;
}

/** The cord, and its handle. */
export function mark() {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: "mark", "aria-hidden": "true" },
    svg("path", { d: "M12 1.5v10.5" }),
    svg("circle", { cx: 12, cy: 16.5, r: 4.5 }),
  );
}
