// A model over time: its metric with interval and usual band, traffic and labels, latency; one axis of time.

import { metric as shown, isShare } from "./format.js";
import { axis, base, colour, CONFIG, faded, plain, plotly } from "./plot.js";

/** @typedef {{seq: number, at: number, kind: string, stage: string, said: string}} Mark */

/** @type {Record<string, [string, string]>} stage: symbol, colour */
const MARKS = {
  drift: ["triangle-up", "drifting"], request: ["square-open", "retraining"], job: ["diamond-open", "retraining"],
  challenger: ["diamond", "retraining"], verdict: ["circle", "provisional"], promotion: ["star", "healthy"],
  rollback: ["x", "degraded"], failure: ["cross", "degraded"], watch: ["circle-open", "healthy"],
};

/**
 * Draw, or draw anew.
 * @param {HTMLElement} root
 * @param {any} told of /charts
 * @param {Mark[]} marks
 * @param {{zoomed: (from: number, to: number) => void, reset: () => void, chosen: (seq: number) => void, seq: number | null}} how
 */
export async function drawChart(root, told, marks, how) {
  const Plotly = await plotly();
  if (!root.isConnected) return;
  root.querySelector(":scope > .loading")?.remove();
  const at = told.at.map((/** @type {number} */ ms) => new Date(ms));
  const main = told.metrics[told.main];
  const traces = [
    ...(main ? metricTraces(told, main, at) : []), ...markTraces(marks, how.seq),
    { x: at, y: told.records, type: "bar", name: "records", marker: { color: faded("then", 0.45) }, yaxis: "y3", hovertemplate: "%{y:,} records<extra></extra>" },
    { x: at, y: told.labelled, type: "bar", name: "labelled", marker: { color: colour("accent") }, yaxis: "y3", hovertemplate: "%{y:,} labelled<extra></extra>" },
    ...latencyTraces(told, at),
  ];
  const layout = {
    ...base(), barmode: "overlay", bargap: 0.15,
    xaxis: axis({ range: [new Date(told.start), new Date(told.end)], type: "date", anchor: "y4", showgrid: false, hoverformat: "%d %b %Y, %H:%M" }),
    yaxis: axis({ domain: [0.5, 0.94], range: span(told, main), tickformat: isShare(told.main) ? ".0%" : undefined, fixedrange: true, nticks: 5, title: heading(told.main) }),
    yaxis2: axis({ domain: [0.955, 1], range: [0, 1], visible: false, fixedrange: true }),
    yaxis3: axis({ domain: [0.25, 0.44], fixedrange: true, nticks: 3, rangemode: "tozero", title: heading("records") }),
    yaxis4: axis({ domain: [0, 0.19], fixedrange: true, nticks: 3, rangemode: "tozero", title: heading("latency, ms") }),
    yaxis5: { overlaying: "y", range: [0, 1], visible: false, fixedrange: true },
    shapes: shapes(told, marks, how.seq),
  };
  await Plotly.react(root, traces, layout, CONFIG);
  listen(root, how);
}

/** @param {string} text */
const heading = (text) => ({ text: plain(text), font: { size: 11 }, standoff: 6 });

/** @param {any} told @param {any} main @param {Date[]} at */
function metricTraces(told, main, at) {
  const edge = told.provisional_from;
  const cut = edge === null ? at.length : at.findIndex((each) => +each >= edge);
  const text = main.value.map((/** @type {number | null} */ v, /** @type {number} */ i) =>
    `${plain(told.main)} ${shown(told.main, v)} of ${main.n[i].toLocaleString("en")} labels${main.low ? ` (${shown(told.main, main.low[i])} to ${shown(told.main, main.high[i])})` : ""}${i >= cut ? ", labels still to come" : ""}`);
  const line = { color: colour("accent"), width: 2 };
  const none = { hoverinfo: "skip", line: { width: 0 }, mode: "lines", connectgaps: false };
  const until = (/** @type {any[]} */ list) => list.map((v, i) => (i < cut ? v : null));
  const since = (/** @type {any[]} */ list) => list.map((v, i) => (i >= cut - 1 ? v : null));
  return [
    ...(main.low ? [{ ...reach(at, main), ...none, fill: "toself", fillcolor: faded("accent", 0.14) }] : []),
    { x: at, y: until(main.value), mode: "lines", line, text, hovertemplate: "%{text}<extra></extra>" },
    ...(edge === null ? [] : [
      { x: at, y: since(main.value), mode: "lines", line: { ...line, dash: "dot" }, text, hovertemplate: "%{text}<extra></extra>" },
      { x: [new Date(edge), new Date(told.end), new Date(told.end), new Date(edge)], y: [0, 0, 1, 1], yaxis: "y5", ...none, fill: "toself",
        fillpattern: { shape: "/", size: 7, solidity: 0.14, fgcolor: colour("muted"), bgcolor: "rgba(0,0,0,0)" }, fillcolor: "rgba(0,0,0,0)" },
    ]),
  ];
}

/** The outline of the interval, a ring for each stretch without a gap. @param {Date[]} at @param {any} main */
function reach(at, main) {
  /** @type {(Date | null)[]} */
  const x = [];
  /** @type {(number | null)[]} */
  const y = [];
  for (let i = 0; i < at.length; i += 1) {
    if (main.low[i] === null) continue;
    let end = i;
    while (end + 1 < at.length && main.low[end + 1] !== null) end += 1;
    for (let k = i; k <= end; k += 1) x.push(at[k]), y.push(main.high[k]);
    for (let k = end; k >= i; k -= 1) x.push(at[k]), y.push(main.low[k]);
    x.push(null), y.push(null);
    i = end;
  }
  return { x, y };
}

/** @param {Mark[]} marks @param {number | null} chosen */
function markTraces(marks, chosen) {
  if (!marks.length) return [];
  return [{
    x: marks.map((each) => new Date(each.at)), y: marks.map(() => 0.5), yaxis: "y2", mode: "markers", customdata: marks.map((each) => each.seq),
    text: marks.map((each) => plain(each.said)), hovertemplate: "%{text}<extra></extra>",
    marker: {
      size: marks.map((each) => (each.seq === chosen ? 14 : 11)), symbol: marks.map((each) => (MARKS[each.stage] ?? MARKS.verdict)[0]),
      color: marks.map((each) => colour((MARKS[each.stage] ?? MARKS.verdict)[1])), line: { width: 1.5, color: colour("surface") },
    },
  }];
}

/** @param {any} told @param {Date[]} at */
function latencyTraces(told, at) {
  const names = ["latency_p50", "latency_p95"].filter((name) => told.metrics[name]);
  const list = names.length ? names : ["latency_ms"];
  return list.filter((name) => told.metrics[name]).map((name, i) => ({
    x: at, y: told.metrics[name].value, yaxis: "y4", mode: "lines", line: { color: i ? colour("then") : colour("retraining"), width: 1.5 },
    hovertemplate: `${name.replace("latency_", "")} %{y:.3g} ms<extra></extra>`,
  }));
}

/** @param {any} told @param {Mark[]} marks @param {number | null} chosen */
function shapes(told, marks, chosen) {
  const band = told.usual ? [
    { type: "rect", xref: "paper", x0: 0, x1: 1, yref: "y", y0: told.usual.low, y1: told.usual.high, fillcolor: faded("healthy", 0.1), line: { width: 0 }, layer: "below" },
    { type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: told.usual.value, y1: told.usual.value, line: { color: colour("healthy"), width: 1, dash: "dash" }, layer: "below" },
  ] : [];
  const lines = marks.filter((each) => ["drift", "promotion", "rollback"].includes(each.stage)).map((each) => ({
    type: "line", xref: "x", x0: new Date(each.at), x1: new Date(each.at), yref: "paper", y0: 0, y1: 0.95, layer: "below",
    line: { color: colour((MARKS[each.stage] ?? MARKS.verdict)[1]), width: each.seq === chosen ? 1.5 : 1, dash: each.seq === chosen ? "solid" : "dot" },
  }));
  return [...band, ...lines];
}

/** A range that holds the values and the usual band, and does not make noise a mountain. @param {any} told @param {any} main */
function span(told, main) {
  const known = main ? main.value.filter((/** @type {number | null} */ v) => v !== null) : [];
  const all = [...known, ...(told.usual ? [told.usual.low, told.usual.high] : [])];
  if (!all.length) return [0, 1];
  let [low, high] = [Math.min(...all), Math.max(...all)];
  const least = isShare(told.main) ? 0.2 : Math.abs(high) * 0.4 || 1;
  if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
  const pad = (high - low) * 0.08;
  [low, high] = [low - pad, high + pad];
  return isShare(told.main) ? [Math.max(0, low), Math.min(1.02, high)] : [low, high];
}

/** @param {any} root @param {{zoomed: (from: number, to: number) => void, reset: () => void, chosen: (seq: number) => void}} how */
function listen(root, how) {
  for (const name of ["plotly_relayout", "plotly_click", "plotly_doubleclick"]) root.removeAllListeners(name);
  root.on("plotly_relayout", (/** @type {any} */ change) => {
    const [from, to] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (from && to) how.zoomed(+new Date(from), +new Date(to));
  });
  root.on("plotly_doubleclick", how.reset);
  root.on("plotly_click", (/** @type {any} */ event) => {
    const point = event.points.find((/** @type {any} */ each) => each.customdata);
    if (point) how.chosen(point.customdata);
  });
}
