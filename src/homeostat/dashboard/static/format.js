// Numbers, times and durations as people read them.

const COUNT = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const MOMENT = new Intl.DateTimeFormat("en-GB", {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});
const CLOCK = new Intl.DateTimeFormat("en-GB", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

/** @typedef {number | null | undefined} Maybe */

/** @param {Maybe} n */
export const count = (n) => (n === null || n === undefined ? "–" : COUNT.format(n));

/** @param {Maybe} n */
export const short = (n) => (n === null || n === undefined ? "–" : Math.abs(n) < 10000 ? COUNT.format(n) : SHORT.format(n));

/** @param {Maybe} share @param {number} [digits] */
export const percent = (share, digits = 0) =>
  share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)}%`;

/** @param {Maybe} x @param {number} [digits] */
export const figure = (x, digits = 3) =>
  x === null || x === undefined || !Number.isFinite(x) ? "–" : Math.abs(x) >= 1e5 ? SHORT.format(x)
    : String(Number(x.toPrecision(digits)));

/**
 * A metric: shares as per cent, all else with three digits.
 * @param {string | null | undefined} metric
 * @param {Maybe} x
 */
export const metric = (metric, x) => (isShare(metric) ? percent(x, 1) : figure(x));

/** @param {string | null | undefined} name */
export const isShare = (name) => /^(accuracy|coverage|precision|recall|f1|balanced_accuracy|roc_auc)/.test(name ?? "");

/** Whether more of a metric is worse. @param {string | null | undefined} name */
export const growsWorse = (name) => /^(mae|rmse|mape|log_loss|brier|latency)/.test(name ?? "");

/** @param {Maybe} bytes */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  let left = bytes;
  while (left >= 1024 && at < units.length - 1) {
    left /= 1024;
    at += 1;
  }
  return `${left < 10 && at ? left.toFixed(1) : Math.round(left)} ${units[at]}`;
}

/** @param {Maybe} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  for (const [unit, length] of /** @type {[string, number][]} */ ([["d", 86400], ["h", 3600], ["min", 60]])) {
    if (seconds >= 1.5 * length || (unit === "min" && seconds >= 60)) {
      const n = seconds / length;
      return `${n < 10 ? Number(n.toFixed(1)) : Math.round(n)} ${unit}`;
    }
  }
  return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)} s`;
}

/** @param {number} ms */
export const moment = (ms) => MOMENT.format(ms);

/** @param {number} ms */
export const clock = (ms) => CLOCK.format(ms);

/** @param {number} ms */
export function ago(ms) {
  const seconds = (Date.now() - ms) / 1000;
  if (seconds < -60) return `in ${duration(-seconds)}`;
  return seconds < 60 ? "just now" : `${duration(seconds)} ago`;
}

/** @param {string} text */
export const title = (text) => text.charAt(0).toUpperCase() + text.slice(1);
