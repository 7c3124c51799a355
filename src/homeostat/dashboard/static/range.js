// The range of time that charts show, as it stands in the address.

import { h } from "./dom.js";

const HOUR = 3_600_000;
/** @type {[string, number][]} */
const RANGES = [["1h", HOUR], ["6h", 6 * HOUR], ["24h", 24 * HOUR], ["7d", 168 * HOUR], ["30d", 720 * HOUR], ["all", 0]];
const USUAL = "24h";

/**
 * @param {URLSearchParams} query
 * @param {number | undefined} newest the newest record, in ms
 * @returns {{start?: string, end?: string}}
 */
export function rangeOf(query, newest) {
  const [from, to] = [Date.parse(query.get("from") ?? ""), Date.parse(query.get("to") ?? "")];
  if (Number.isFinite(from) && Number.isFinite(to) && from < to) return { start: new Date(from).toISOString(), end: new Date(to).toISOString() };
  const name = query.get("range") || USUAL;
  const length = RANGES.find(([each]) => each === name)?.[1] ?? 24 * HOUR;
  if (!newest) return {};
  const end = newest + 60_000;
  return { start: new Date(length ? end - length : 0).toISOString(), end: new Date(end).toISOString() };
}

/**
 * @param {URLSearchParams} query
 * @param {(changes: Record<string, string>) => void} turn
 */
export function rangeControl(query, turn) {
  const own = query.has("from") && query.has("to");
  const now = query.get("range") || USUAL;
  const one = (/** @type {string} */ name) => h("button", {
    type: "button", class: "button", "aria-pressed": String(!own && name === now),
    on: { click: () => turn({ range: name === USUAL ? "" : name, from: "", to: "" }) },
  }, name);
  return [...RANGES.map(([name]) => one(name)), own ? h("button", {
    type: "button", class: "button", "aria-pressed": "true", title: "Back to the latest day", on: { click: () => turn({ range: "", from: "", to: "" }) },
  }, "zoomed") : null];
}
