// A backtest that was made on the command line: its contestants, and who is beaten by nobody.

import { frontOf, rowsOf } from "./front.js";
import { h, put } from "./dom.js";
import { count, percent } from "./format.js";
import { table } from "./health.js";
import { card, failure } from "./parts.js";
import { axis, base, colour, CONFIG, plain, plotly } from "./plot.js";

/** @type {any} */
let kept = null; // stays while other pages are looked at

/** @param {HTMLElement} root */
export function backtestPage(root) {
  const body = h("div", { class: "page-body" });
  const problem = h("div", { "aria-live": "polite" });
  const field = /** @type {HTMLInputElement} */ (h("input", { type: "file", id: "file", accept: ".json,application/json", class: "hidden-text", on: { change: open } }));

  async function open() {
    const file = field.files?.[0];
    if (!file) return;
    try {
      const told = JSON.parse(await file.text());
      if (!told.strategies || typeof told.strategies !== "object") throw new Error("it has no strategies; make one with: homeostat backtest FILE --json > backtest.json");
      kept = told;
      put(problem);
      draw();
    } catch (error) {
      put(problem, failure(new Error(`${file.name}: ${error instanceof Error ? error.message : error}`)));
    }
  }

  function draw() {
    if (!kept) {
      put(body, h("div", { class: "drop" }, h("h2", {}, "Show a backtest"),
        h("p", {}, "Choose the file that ", h("span", { class: "mono" }, "homeostat backtest --json"), " wrote. It stays in this browser."),
        h("label", { class: "button primary", for: "file" }, "Choose a file")));
      return;
    }
    const rows = rowsOf(kept);
    const front = frontOf(rows);
    const chart = h("div", { class: "chart small", role: "img", "aria-label": "Retrainings and cost of each contestant; the figures are in the table" });
    const lines = h("div", { class: "chart small", role: "img", "aria-label": "Accuracy over the history" });
    put(body,
      h("div", { class: "columns" }, card(kept.trained ? "Cost against retrainings" : "False alarms against retrainings", chart, { note: "the line joins those that nobody beats in both" }),
        card("Accuracy over the history", lines)),
      card("Contestants", table(["Contestant", "Front", "Accuracy", "Retrainings", "False alarms", "Cost", "Regret"], rows.map((row) => [
        h("b", {}, row.name), front.includes(row) ? h("span", { class: "badge is-good" }, "Beaten by nobody") : "",
        percent(row.accuracy, 2), count(row.retrainings), count(row.false_alarms), count(row.cost), count(row.regret),
      ]), [2, 3, 4, 5, 6]), { flush: true, note: `${count(kept.records)} records${kept.trained ? "" : "; nothing was retrained"}` }));
    drawFront(chart, rows, front).catch((error) => put(problem, failure(error)));
    drawLines(lines, rows).catch((error) => put(problem, failure(error)));
  }
  addEventListener("theme", draw);
  put(root, h("div", { class: "page-head" }, h("h1", {}, "Backtest"), h("div", { class: "end" }, field, h("label", { class: "button", for: "file" }, "Choose a file"))), problem, body);
  draw();
  return { leave: () => removeEventListener("theme", draw) };
}

/** @param {HTMLElement} root @param {import("./front.js").Row[]} rows @param {import("./front.js").Row[]} front */
async function drawFront(root, rows, front) {
  const Plotly = await plotly();
  if (!root.isConnected) return;
  const y = (/** @type {import("./front.js").Row} */ row) => (kept.trained ? row.cost : row.false_alarms);
  const asked = rows.filter((row) => !row.hindsight);
  const most = 1.25 * Math.max(1, ...asked.map((row) => row.retrainings));
  const seen = rows.filter((row) => row.retrainings <= most).map(y);
  const room = 0.15 * (Math.max(...seen) - Math.min(...seen) || 1);
  const traces = [
    { x: front.map((row) => row.retrainings), y: front.map(y), mode: "lines", line: { color: colour("healthy"), width: 1.5, shape: "hv" }, hoverinfo: "skip" },
    ...[true, false].map((own) => {
      const some = rows.filter((row) => row.calendar !== own);
      return {
        x: some.map((row) => row.retrainings), y: some.map(y), mode: some.length < 9 || own ? "markers+text" : "markers", textposition: some.map((_, i) => (i % 2 ? "bottom right" : "top right")),
        text: some.map((row) => plain(row.name)), textfont: { color: colour("text"), size: 11 }, cliponaxis: false,
        customdata: some.map((row) => `${percent(row.accuracy, 2)} right`),
        hovertemplate: "%{text}<br>%{x} retrainings, %{y:,.0f}<br>%{customdata}<extra></extra>",
        marker: { size: own ? 11 : 8, symbol: own ? "circle" : "square-open", color: some.map((row) => colour(front.includes(row) ? "healthy" : own ? "accent" : "then")) },
      };
    }),
  ];
  const layout = { ...base(), hovermode: "closest", margin: { l: 64, r: 24, t: 20, b: 44 }, xaxis: axis({ title: { text: "retrainings" }, range: [-0.04 * most, most] }), yaxis: axis({ title: { text: kept.trained ? "cost" : "false alarms" }, nticks: 5, range: [Math.min(...seen) - room, Math.max(...seen) + room] }) };
  await Plotly.react(root, traces, layout, CONFIG);
}

/** @param {HTMLElement} root @param {import("./front.js").Row[]} rows */
async function drawLines(root, rows) {
  const Plotly = await plotly();
  if (!root.isConnected) return;
  const colours = ["accent", "drifting", "healthy", "degraded", "retraining", "then"].map(colour);
  const some = rows.filter((row) => row.over_time.length && !row.hindsight).slice(0, 6);
  const traces = some.map((row, i) => ({
    x: row.over_time.map((_, at) => (at + 1) / row.over_time.length), y: row.over_time, mode: "lines", name: plain(row.name),
    line: { color: colours[i], width: 2, dash: ["solid", "dash", "dot", "dashdot", "longdash", "solid"][i] }, hovertemplate: `%{y:.1%} ${plain(row.name)}<extra></extra>`,
  }));
  const layout = {
    ...base(), showlegend: true, legend: { orientation: "h", y: 1.12, x: 0 }, margin: { l: 56, r: 12, t: 36, b: 44 },
    xaxis: axis({ tickformat: ".0%", title: { text: "of the history" } }), yaxis: axis({ tickformat: ".0%", nticks: 5 }),
  };
  await Plotly.react(root, traces, layout, CONFIG);
}

