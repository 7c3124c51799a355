// One model in the fleet.

import { h } from "./dom.js";
import { count, growsWorse, isShare, metric, percent, short } from "./format.js";
import { icon } from "./icons.js";
import { meter, stateBadge, time } from "./parts.js";
import { go, link } from "./route.js";
import { bars, spark } from "./spark.js";

/** @type {Record<string, string>} */
const DECISIONS = {
  ModelPromoted: "Promoted", ModelRolledBack: "Rolled back", ChallengerRejected: "Rejected", ChallengerUndecided: "Undecided",
  ChallengerReady: "Ready to promote", WatchEnded: "Kept",
};

/** @param {any} row */
export function fleetRow(row) {
  const where = link("model", row.model, { event: row.seq });
  const open = (/** @type {MouseEvent} */ event) => {
    if (!(/** @type {Element} */ (event.target).closest("a, button")) && !String(getSelection())) go(where);
  };
  return h("tr", { class: `is-${row.state}`, on: { click: open } },
    h("td", { class: "state" }, stateBadge(row.state)),
    h("td", { class: "name" },
      h("a", { href: where }, row.model), row.silenced_until ? silenced() : null,
      h("div", { class: "why", title: row.reason }, row.reason)),
    h("td", { class: "number main" }, value(row)),
    h("td", { class: "sparks" }, row.spark.length ? line(row) : null),
    h("td", { class: "number rate" }, h("div", { class: "with-bars" },
      h("span", {}, short(Math.round(row.rate)), h("span", { class: "per" }, "/h")), bars(row.traffic, "records in each half hour of the latest day"))),
    h("td", { class: "number wide" }, row.coverage === null ? "–" : [meter(row.coverage, `${percent(row.coverage)} labelled`), ` ${percent(row.coverage)}`]),
    h("td", { class: "wide" }, decision(row)));
}

/** @param {any} row */
function line(row) {
  const least = isShare(row.metric) ? 0.25 : Math.max(1e-9, Math.abs(row.usual ?? row.value ?? 1) * 0.6);
  return spark(row.spark, { label: `${row.metric} over the latest day`, least, usual: row.usual });
}

/** @param {any} row */
function value(row) {
  if (row.value === null) return h("span", { class: "muted" }, "–");
  const change = row.usual === null ? null : row.value - row.usual;
  const worse = change !== null && (growsWorse(row.metric) ? change > 0 : change < 0);
  const told = change === null ? `n ${count(row.n)}`
    : isShare(row.metric) ? `${change < 0 ? "−" : "+"}${Math.abs(100 * change).toFixed(1)} pp` : `${change < 0 ? "−" : "+"}${metric(row.metric, Math.abs(change))}`;
  return h("div", { title: `95 % interval ${metric(row.metric, row.low)} to ${metric(row.metric, row.high)}, of ${count(row.n)} labels; usually ${metric(row.metric, row.usual)}` },
    h("div", { class: "value" }, metric(row.metric, row.value)),
    h("div", { class: `small ${worse && row.state === "degraded" ? "delta-bad" : "muted"}` }, `${row.metric} ${told}`));
}

/** @param {any} row */
function decision(row) {
  if (row.waiting) return h("span", { class: "badge is-busy" }, icon("request"), "Waits for approval");
  if (!row.decision) return h("span", { class: "muted" }, "–");
  return h("div", { title: `${row.decision.version ?? ""} ${row.decision.reason}`.trim() },
    h("div", { class: "decided" }, DECISIONS[row.decision.kind] ?? row.decision.kind), h("div", { class: "muted small" }, time(row.decision.at)));
}

function silenced() {
  const sign = h("span", { class: "muted", title: "silenced" }, " ", icon("mute", "silenced"));
  return sign;
}
