// Small signs, each a path or two on a grid of 16. A state is never told by its colour alone.

import { s } from "./dom.js";

/** @type {Record<string, string>} */
const PATHS = {
  degraded: "M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4",
  drifting: "M8 2 14.5 13.5h-13zM8 6.4v3.4M8 11.6v.2",
  retraining: "M13.5 8a5.5 5.5 0 1 1-1.7-4M13.6 1.6v2.8h-2.8",
  provisional: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 5v3.2l2 1.3",
  healthy: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM5.4 8.2l1.9 1.9 3.4-3.9",
  drift: "M1.5 10.5c2 0 2-5 4-5s2 5 4 5 2-5 4-5",
  ended: "M3 8.5l3.2 3.2L13 5",
  request: "M3 3h10v7H8l-3 3v-3H3z",
  job: "M4.5 3v10l8-5z",
  challenger: "M2 5h8M7.5 2 10.5 5l-3 3M14 11H6M8.5 8l-3 3 3 3",
  verdict: "M8 2v12M3 5h10M3 5l-1.5 4h3zM13 5l-1.5 4h3z",
  promotion: "M8 13V3M4 7l4-4 4 4",
  rollback: "M6 3 2.5 6.5 6 10M2.5 6.5H10a3.5 3.5 0 0 1 0 7H7",
  watch: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6z",
  failure: "M8 1.8v6.4M8 11.6v.4M2 14h12",
  other: "M8 6.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3z",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.4 10.4 14 14",
  sun: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M3 13l1.2-1.2M11.8 4.2 13 3",
  moon: "M13.5 9.5A5.8 5.8 0 0 1 6.5 2.5a5.8 5.8 0 1 0 7 7z",
  out: "M6 2.5H3v11h3M10 5l3 3-3 3M13 8H6.5",
  mute: "M3 6.2v3.6h2.4L9 13V3L5.4 6.2zM11.5 6.3l3 3.4M14.5 6.3l-3 3.4",
  up: "M3 10l5-5 5 5",
  down: "M3 6l5 5 5-5",
  close: "M4 4l8 8M12 4l-8 8",
};

/** @param {string} name @param {string} [label] read out; without it the sign is decoration */
export function icon(name, label = "") {
  return s("svg", {
    viewBox: "0 0 16 16", width: 16, height: 16, role: label ? "img" : "presentation",
    "aria-label": label || undefined, "aria-hidden": label ? undefined : "true", class: "icon",
  }, s("path", { d: PATHS[name] ?? PATHS.other }));
}
