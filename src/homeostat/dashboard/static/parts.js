// Parts that several pages use.

import { h } from "./dom.js";
import { ago, moment, title } from "./format.js";
import { icon } from "./icons.js";

/** @param {string} state */
export const stateBadge = (state) => h("span", { class: `badge is-${state}` }, icon(state), title(state));

/** @type {Record<string, [string, string, string]>} */
const OUTCOMES = {
  promoted: ["good", "promotion", "Promoted"], "rolled back": ["bad", "rollback", "Rolled back"],
  rejected: ["idle", "close", "Rejected"], undecided: ["idle", "provisional", "Undecided"],
  "waits for a word": ["busy", "request", "Waits for a word"], failed: ["bad", "degraded", "Failed"],
  compared: ["busy", "challenger", "Compared"], running: ["busy", "retraining", "Running"],
  queued: ["busy", "provisional", "Queued"], alarm: ["warn", "drifting", "Alarm"],
  "plug-in failed": ["bad", "degraded", "Plug-in failed"],
};

/** @param {string} outcome */
export function outcomeBadge(outcome) {
  const [tone, sign, word] = OUTCOMES[outcome] ?? ["idle", "other", title(outcome || "begun")];
  return h("span", { class: `badge is-${tone}` }, icon(sign), word);
}

/** A moment as how long ago it is, with all of it as its title. @param {number} ms */
export const time = (ms) => h("time", { datetime: new Date(ms).toISOString(), title: moment(ms) }, ago(ms));

/** @param {string} text @param {Record<string, any>} props @param {string} [sign] */
export const button = (text, props, sign = "") =>
  h("button", { type: "button", ...props, class: `button ${props.class ?? ""}` }, sign ? icon(sign) : null, text);

/**
 * @param {string} label
 * @param {import("./dom.js").Child} value
 * @param {import("./dom.js").Child | import("./dom.js").Child[]} [note]
 * @param {string} [kind]
 */
export const stat = (label, value, note, kind = "") =>
  h("div", { class: "stat" }, h("dt", {}, label), h("dd", { class: kind }, value, h("div", { class: "note" }, note ?? "\u00a0")));

/**
 * @param {string} heading
 * @param {import("./dom.js").Child | import("./dom.js").Child[]} body
 * @param {{end?: import("./dom.js").Child | import("./dom.js").Child[], class?: string, note?: import("./dom.js").Child, flush?: boolean}} [more]
 */
export function card(heading, body, more = {}) {
  return h("section", { class: `card ${more.class ?? ""}`, "aria-label": heading },
    h("div", { class: "card-head" }, h("h2", {}, heading), more.note ? h("span", { class: "muted small" }, more.note) : null,
      more.end ? h("div", { class: "end" }, more.end) : null),
    h("div", { class: more.flush ? "card-flush" : "card-body" }, body));
}

/** A share as a short bar. @param {number | null | undefined} share @param {string} label @param {string} [kind] */
export function meter(share, label, kind = "") {
  const part = Math.max(0, Math.min(1, share ?? 0));
  return h("span", { class: `meter ${kind}`, role: "img", "aria-label": label, vars: { "--part": `${100 * part}%` } }, h("i"));
}

/** A short message that goes by itself. @param {string} text */
export function toast(text) {
  let place = document.querySelector(".toasts");
  if (!place) {
    place = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
    document.body.append(place);
  }
  const note = h("div", { class: "toast" }, text);
  place.append(note);
  setTimeout(() => note.remove(), 6000);
}

/** @param {unknown} error */
export const failure = (error) =>
  h("p", { class: "notice bad", role: "alert" }, error instanceof Error ? error.message : String(error));

/**
 * Call at most once in so many milliseconds, and once after the last call.
 * @template {any[]} A
 * @param {(...given: A) => void} do_
 * @param {number} ms
 * @returns {(...given: A) => void}
 */
export function calmly(do_, ms) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => do_(...given), ms);
  };
}
