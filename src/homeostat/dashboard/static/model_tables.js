// The tables of a model: versions side by side, segments, and how long labels take.

import { get, ofModel } from "./api.js";
import { h, put, s } from "./dom.js";
import { count, figure, growsWorse, isShare, metric as shown, percent } from "./format.js";
import { table } from "./health.js";
import { icon } from "./icons.js";
import { card } from "./parts.js";

/** @param {any[]} versions of /charts @param {any} row of the fleet */
export function versionsCard(versions, row) {
  if (!versions.length) return null;
  const ends = versions.flatMap((each) => [each.low, each.high]).filter((x) => x !== null);
  const scale = [Math.min(...ends), Math.max(...ends)];
  return card("Versions side by side", table(["Version", "Records", versions[0].metric, "95 % interval", "Latency"], versions.map((each) => [
    [h("b", {}, each.version), " ", role(each.version, row)],
    count(each.records), shown(each.metric, each.value), interval(each, scale), `${figure(each.latency_ms)} ms`,
  ]), [1, 2, 4]), { flush: true, note: "in the time shown" });
}

/** @param {string} version @param {any} row */
function role(version, row) {
  if (version === row.leader) return h("span", { class: "badge is-good" }, icon("promotion"), "Answers now");
  if (version === row.champion) return h("span", { class: "badge is-good" }, icon("promotion"), "Champion");
  if (version === row.challenger) return h("span", { class: "badge is-busy" }, icon("challenger"), row.watched ? "Watched" : "Challenger");
  return null;
}

/** An interval on a common scale. @param {any} each @param {number[]} scale */
function interval(each, [least, most]) {
  if (each.low === null) return "–";
  const x = (/** @type {number} */ v) => 4 + (112 * (v - least)) / (most - least || 1);
  const label = `${shown(each.metric, each.low)} to ${shown(each.metric, each.high)}`;
  return h("div", { class: "interval", title: label }, s("svg", { viewBox: "0 0 120 14", preserveAspectRatio: "none", role: "img", "aria-label": label },
    s("line", { class: "scale", x1: 0, x2: 120, y1: 7, y2: 7 }), s("line", { class: "reach", x1: x(each.low), x2: x(each.high), y1: 7, y2: 7 }),
    s("rect", { class: "point", x: x(each.value) - 1.5, y: 2, width: 3, height: 10, rx: 1 })));
}

/** @param {any} overview */
export function segmentsCard(overview) {
  const rows = overview.segments.filter((/** @type {any} */ each) => each.value !== null);
  if (!rows.length) return null;
  const several = new Set(rows.map((/** @type {any} */ each) => base(each.name))).size > 1;
  const whole = new Map(overview.metrics.map((/** @type {any} */ each) => [each.name, each.value]));
  /** @param {any} each */
  const worse = (each) => {
    const usual = /** @type {number | undefined} */ (whole.get(base(each.name)));
    if (usual === undefined || usual === null) return null;
    return growsWorse(each.name) ? each.value - usual : usual - each.value;
  };
  /** Against the loss of all, so that shares and milliseconds can stand in one order. @param {any} each */
  const relative = (each) => {
    const change = worse(each);
    if (change === null) return 0;
    const usual = whole.get(base(each.name));
    return change / Math.max(1e-9, Math.abs(isShare(each.name) ? 1 - usual : usual));
  };
  rows.sort((/** @type {any} */ a, /** @type {any} */ b) => relative(b) - relative(a));
  return card("Segments", table([several ? "Segment and metric" : "Segment", "Now", "Against all", "Labels"], rows.slice(0, 30).map((/** @type {any} */ each) => {
    const change = worse(each);
    return [
      [h("b", {}, each.name.slice(each.name.indexOf("[") + 1, -1)), several ? ` ${base(each.name)}` : ""], shown(each.name, each.value),
      change === null ? "–" : h("span", { class: relative(each) > 0.2 ? "delta-bad" : "muted" }, `${change > 0 ? "worse" : "better"} by ${apart(each.name, Math.abs(change))}`), count(each.n),
    ];
  }), [1, 2, 3]), { flush: true, note: `${several ? "" : `${base(rows[0].name)}, `}the worst first` });
}

/** A difference of a metric; of shares in percentage points. @param {string} name @param {number} x */
const apart = (name, x) => (isShare(name) ? `${(100 * x).toFixed(1)} pp` : shown(name, x));

/** @param {string} name */
const base = (name) => name.slice(0, name.indexOf("["));

/**
 * @param {string} model
 * @param {AbortSignal} signal
 * @param {(error: unknown) => void} failed
 * @param {(seconds: number) => string} duration
 */
export function delayCard(model, signal, failed, duration) {
  const body = h("div", {}, h("div", { class: "loading" }, "Reading the latest labels…"));
  get(ofModel(model, "delay"), {}, signal).then((told) => {
    if (!told.n) {
      put(body, h("p", { class: "muted" }, told.with_record ? `Labels come with their records (${count(told.with_record)} of the latest).` : "No label has come yet."));
      return;
    }
    put(body, h("p", {}, "Half of the labels are there after ", h("b", {}, duration(told.p50)), ", 9 of 10 after ", h("b", {}, duration(told.p90)), ", 99 of 100 after ", h("b", {}, duration(told.p99)), "."),
      h("ul", { class: "delay" }, told.within.filter(useful).map((/** @type {[number, number]} */ [seconds, share]) =>
        h("li", {}, h("span", { class: "muted" }, duration(seconds)), h("span", { class: "meter wide", vars: { "--part": `${100 * share}%` }, "aria-hidden": "true" }, h("i")), h("span", { class: "number" }, percent(share))))));
  }).catch((error) => !signal.aborted && failed(error));
  return card("Label delay", body, { note: "of the latest labels" });
}

/** Those between nothing and all, and one on either side. @param {[number, number]} one @param {number} at @param {[number, number][]} all */
const useful = ([, share], at, all) => share > 0.001 && (at === 0 || all[at - 1][1] < 0.9995);
