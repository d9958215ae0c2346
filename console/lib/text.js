// Words and numbers for people. What came from elsewhere passes `visible`, so that no character of it can act.

// Marks that turn, embed or isolate the direction of text would reach beyond the string they came with.
const TURNS = /[\u202a-\u202e\u2066-\u2069]/gu;
const UNSEEN = /[\u200b\u200e\u200f\u061c\u2060\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/gu;

/** A string from elsewhere with its control characters made visible and its direction marks taken out. */
export function visible(text, longest = 400) {
  const whole = String(text ?? "")
    .replace(/\r\n/gu, "\n")
    .replace(/\p{Surrogate}/gu, "\ufffd");
  const shown = whole.replace(TURNS, "\ufffd").replace(UNSEEN, "").replace(CONTROLS, picture);
  const letters = shown.length > longest ? [...shown] : shown;
  return letters.length > longest ? `${letters.slice(0, longest - 1).join("")}…` : shown;
}

function picture(control) {
  const code = control.codePointAt(0);
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return code === 0x7f ? "\u2421" : "\ufffd";
}

const plain = new Intl.NumberFormat("en");
export const number = (value) => plain.format(value);

/** "1 item", "1,204 items". */
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

/** "never_synced" as "Never synced". */
export function words(name) {
  const text = String(name ?? "").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What stands between commas. */
export const listed = (text) =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

export const bytes = (size) =>
  size < 1024 ? `${size} B` : size < 1048576 ? `${(size / 1024).toFixed(1)} KB` : `${(size / 1048576).toFixed(1)} MB`;
