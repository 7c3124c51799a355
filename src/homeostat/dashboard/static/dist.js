// A column then and now: two histograms, or two bars a name.

import { h, s } from "./dom.js";
import { figure, percent } from "./format.js";
import { icon } from "./icons.js";

/** @param {any} column of /evidence */
export function distribution(column) {
  const moved = Boolean(column.change?.share);
  const lost = Math.max(...column.missing) > 0 ? `missing ${percent(column.missing[0], 1)} → ${percent(column.missing[1], 1)}` : "";
  const apart = !moved && column.distance >= 0.1 ? `moved: ${percent(column.distance)} of the rows lie elsewhere` : "";
  const what = [moved ? column.change.what : "", apart, lost].filter(Boolean).join("; ");
  return h("figure", { class: `dist ${moved ? "moved is-drifting" : ""}`, "aria-label": column.name },
    h("header", {}, h("h3", { title: column.name }, column.name),
      moved ? h("span", { class: "badge is-drifting" }, icon("drift"), percent(column.change.share), h("span", { class: "hidden-text" }, " of the change")) : null),
    h("p", { class: "said", title: what }, what || "as before"),
    column.kind === "number" ? histogram(column) : names(column));
}

/** @param {any} column */
function histogram(column) {
  if (!column.edges.length) return h("p", { class: "muted small" }, "no values");
  const most = Math.max(...column.then, ...column.now, 1e-9);
  const n = column.then.length;
  const y = (/** @type {number} */ v) => 76 - (v / most) * 72;
  const outline = column.now.map((/** @type {number} */ v, /** @type {number} */ i) => `${i ? "L" : "M"}${i} ${y(v)}H${i + 1}`).join("");
  const label = `${column.name}: median ${figure(column.then_median)} then, ${figure(column.now_median)} now`;
  return [
    s("svg", { viewBox: `0 0 ${n} 76`, preserveAspectRatio: "none", role: "img", "aria-label": label },
      column.then.map((/** @type {number} */ v, /** @type {number} */ i) => s("rect", { class: "then", x: i, y: y(v), width: 0.96, height: Math.max(0, 76 - y(v)) })),
      s("path", { class: "now", d: outline })),
    h("div", { class: "ends" }, h("span", {}, figure(column.edges[0])),
      h("span", {}, `median ${figure(column.then_median)} → ${figure(column.now_median)}`), h("span", {}, figure(column.edges[n]))),
  ];
}

/** @param {any} column */
function names(column) {
  const most = Math.max(...column.then, ...column.now, 1e-9);
  const rows = column.names.map((/** @type {string} */ name, /** @type {number} */ i) => ({ name, then: column.then[i], now: column.now[i] }));
  if (!rows.length) return h("p", { class: "muted small" }, "no values");
  return h("ul", { class: "rows" }, rows.slice(0, 6).map((/** @type {any} */ row) => h("li", {},
    h("b", { title: row.name }, row.name),
    h("span", { class: "pair", "aria-hidden": "true" }, h("i", { vars: { "--part": `${(100 * row.then) / most}%` } }), h("i", { vars: { "--part": `${(100 * row.now) / most}%` } })),
    h("span", { class: "number muted" }, `${percent(row.then)} → ${percent(row.now)}`))));
}
