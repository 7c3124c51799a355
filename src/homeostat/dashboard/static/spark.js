// Lines and bars as small as a row.

import { s } from "./dom.js";

const W = 168;
const H = 32;

/**
 * A line over time; gaps where nothing is known.
 * @param {(number | null)[]} values
 * @param {{label: string, least: number, usual?: number | null, state?: string}} how least: the span that fills the height at least
 */
export function spark(values, how) {
  const known = values.filter((x) => x !== null).concat(how.usual ?? []);
  const middle = known.length ? (Math.max(...known) + Math.min(...known)) / 2 : 0;
  const span = known.length ? Math.max(how.least, Math.max(...known) - Math.min(...known)) : 1;
  const x = (/** @type {number} */ i) => (i / Math.max(1, values.length - 1)) * W;
  const y = (/** @type {number} */ v) => H - 3 - ((v - middle) / span + 0.5) * (H - 6);
  let path = "";
  let area = "";
  let open = -1;
  values.forEach((v, i) => {
    if (v === null) {
      if (open >= 0) area += `L${x(i - 1)} ${H}L${x(open)} ${H}Z`;
      open = -1;
      return;
    }
    path += `${open < 0 ? "M" : "L"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
    area += `${open < 0 ? "M" : "L"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
    if (open < 0) open = i;
  });
  if (open >= 0) area += `L${W} ${H}L${x(open)} ${H}Z`;
  const last = values.findLastIndex((v) => v !== null);
  const usual = how.usual ?? null;
  return s("svg", { class: "spark", viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", role: "img", "aria-label": how.label },
    usual !== null ? s("line", { class: "rest", x1: 0, x2: W, y1: y(usual), y2: y(usual) }) : null,
    s("path", { class: "area", d: area }), s("path", { class: "line", d: path }),
    last >= 0 ? s("circle", { class: "dot", cx: x(last), cy: y(/** @type {number} */ (values[last])), r: 2 }) : null);
}

/** @param {number[]} values @param {string} label */
export function bars(values, label) {
  const most = Math.max(1, ...values);
  const n = Math.max(1, values.length);
  return s("svg", { class: "bars", viewBox: "0 0 84 24", preserveAspectRatio: "none", role: "img", "aria-label": label },
    values.map((v, i) => {
      const height = Math.max(v > 0 ? 1 : 0, (v / most) * 24);
      return s("rect", { x: (i * 84) / n, y: 24 - height, width: Math.max(0.6, 84 / n - 0.7), height });
    }));
}
