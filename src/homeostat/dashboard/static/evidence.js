// What stands behind an alarm: the cause, what would help, the columns then and now, the segments.

import { get, ofModel } from "./api.js";
import { distribution } from "./dist.js";
import { h, put } from "./dom.js";
import { clock, count, figure, moment, percent, title } from "./format.js";
import { table } from "./health.js";
import { icon } from "./icons.js";
import { card, failure } from "./parts.js";

/**
 * The panel of one event: the verdict, and below the charts what it rests on.
 * @param {HTMLElement} root
 * @param {HTMLElement} details
 * @param {string} model
 * @param {number} seq
 * @param {{close: () => void, signal: AbortSignal}} how
 */
export async function evidencePanel(root, details, model, seq, how) {
  put(root, h("section", { class: "card verdict", "aria-label": "Evidence" }, h("div", { class: "loading" }, "Reading the records around the alarm…")));
  put(details);
  try {
    const told = await get(ofModel(model, "evidence"), { event: seq }, how.signal);
    put(root, verdict(told, how.close));
    put(details, columns(told), segments(told));
  } catch (error) {
    if (!how.signal.aborted) put(root, failure(error));
  }
}

/** @param {any} told @param {() => void} close */
function verdict(told, close) {
  const event = told.event;
  const tone = told.cause && told.cause !== "none" ? "is-degraded" : "is-drifting";
  const end = h("button", { class: "button plain", type: "button", "aria-label": "Close the evidence", title: "Close", on: { click: close } }, icon("close"));
  const quality = told.quality && told.quality.current !== null && told.quality.n_current ? told.quality : null;
  return card("Why", [
    h("p", { class: "what", id: "cause" }, told.cause ? (told.cause === "none" ? "No cause stands out" : `Suspected cause: ${told.cause}`) : "No diagnosis"),
    h("p", { class: "muted" }, title(told.problem ?? told.reason ?? "")),
    h("dl", { class: "facts" },
      fact("Would retraining help?", told.retrain ? title(told.retrain) : "Not known"),
      quality ? fact(title(quality.name), `${figure(quality.reference)} → ${figure(quality.current)}`) : null,
      fact("Alarm", event.detector && event.detector !== event.metric ? `${event.detector} on ${event.metric}` : event.metric),
      fact("Observed", `${figure(event.observed)}, threshold ${figure(event.threshold)}`),
      fact("Began about", told.changed_at ? moment(Date.parse(told.changed_at)) : "not known"),
      fact("Compared", `${side(told, 0)} before, ${side(told, 1)} since${told.between ? `; ${count(told.between)} between are in neither` : ""}`)),
    told.quarantine.length ? h("p", { class: "notice bad" }, "Leave out of training: ",
      told.quarantine.map((/** @type {any} */ rule) => `${rule.column}: ${rule.rule} (${percent(rule.share)} of the rows)`).join("; ")) : null,
  ], { class: `verdict ${tone}`, end, note: `event ${told.seq}, ${moment(Date.parse(event.created_at))}` });
}

/** How many records of which time. @param {any} told @param {number} at */
function side(told, at) {
  const [from, to] = told.times[at];
  return `${count(told.rows[at])} records${from ? ` (${clock(Date.parse(from))} to ${clock(Date.parse(to))})` : ""}`;
}

/** @param {string} name @param {string} text */
const fact = (name, text) => h("div", {}, h("dt", {}, name), h("dd", {}, text));

/** @param {any} told */
function columns(told) {
  if (!told.columns.length) return null;
  const legend = h("div", { class: "legend" },
    h("span", {}, h("i", { vars: { "--k": "var(--then)" } }), "then"), h("span", {}, h("i", { vars: { "--k": "var(--now)" } }), "now"));
  return card("Columns then and now", h("div", { class: "cards" }, told.columns.map(distribution)), { end: legend, note: "those that moved come first" });
}

/** @param {any} told */
function segments(told) {
  const found = told.segments.filter((/** @type {any} */ each) => each.found);
  if (!found.length) return null;
  const rows = found.map((/** @type {any} */ each) => [
    h("b", {}, each.name), signed(each.contribution), `${signed(each.low)} to ${signed(each.high)}`, signed(each.rate), signed(each.mix),
  ]);
  return card("Segments", table(["Segment", "Adds to the error", "95 % interval", "By other errors", "By another mix"], rows, [1, 2, 3, 4]),
    { flush: true, note: "where the change of the error comes from" });
}

/** @param {number | null} x */
const signed = (x) => (x === null ? "–" : `${x < 0 ? "−" : "+"}${figure(Math.abs(x))}`);
