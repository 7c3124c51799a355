// Events in words, one after another; a retraining as one story.

import { h } from "./dom.js";
import { count, figure, metric as shown, moment, percent } from "./format.js";
import { icon } from "./icons.js";
import { outcomeBadge, time } from "./parts.js";
import { link } from "./route.js";

/** @type {Record<string, string>} */
const TONES = {
  drift: "warn", ended: "good", request: "busy", job: "busy", challenger: "busy", verdict: "idle", promotion: "good", rollback: "bad",
  watch: "good", failure: "bad",
};

/**
 * @param {any[]} steps
 * @param {(seq: number) => void} [choose] what a click on one does; without it they are text
 * @param {number | null} [chosen]
 */
export function timeline(steps, choose, chosen = null) {
  return h("ol", { class: "timeline" }, steps.map((step) => h("li", { class: `is-${TONES[step.stage] ?? "idle"}` },
    h("span", { class: "node" }, icon(step.stage)),
    h("div", {},
      choose && step.stage === "drift" && step.kind === "DriftDetected"
        ? h("button", { class: "link said", type: "button", "aria-pressed": String(step.seq === chosen), on: { click: () => choose(step.seq) } }, h("b", {}, step.said))
        : h("span", { class: "said" }, step.said),
      figures(step)),
    time(step.at))));
}

/** The numbers of a decision. @param {any} step */
function figures(step) {
  const { event } = step;
  const told = [];
  if (event.champion_accuracy !== undefined && event.challenger_accuracy !== undefined) {
    told.push(`${event.model_version} ${percent(event.champion_accuracy, 1)} right`, `${event.challenger} ${percent(event.challenger_accuracy, 1)} right`);
  }
  const found = event.evidence ?? {};
  if (event.n) told.push(`${count(event.n)} pairs`);
  if (typeof found.difference === "number" && typeof found.lower === "number") {
    told.push(`difference ${figure(found.difference)} (${figure(found.lower)} to ${figure(found.upper)})`);
  }
  if (event.metrics) told.push(...Object.entries(event.metrics).map(([name, value]) => `${name} ${shown(name, /** @type {number} */ (value))}`));
  if (event.by) told.push(`by ${event.by}`);
  return told.length ? h("div", { class: "figures" }, told.join(" · ")) : null;
}

/** @param {any} story of /stories or /decisions */
export function storyCard(story) {
  const name = h("a", { href: link("model", story.model) }, story.model);
  const alarm = story.steps.find((/** @type {any} */ step) => step.kind === "DriftDetected");
  return h("article", { class: "card story", "aria-label": `${story.job ?? story.model}: ${story.outcome}` },
    h("div", { class: "card-head" }, outcomeBadge(story.outcome), h("h2", {}, name), story.job ? h("span", { class: "muted small" }, story.job) : null,
      h("div", { class: "end muted small" }, alarm ? h("a", { href: link("model", story.model, { event: alarm.seq }) }, "Evidence") : null,
        h("span", { title: moment(story.begun) }, took(story)))),
    h("div", { class: "card-body" }, timeline(story.steps)));
}

/** @param {any} story */
function took(story) {
  const minutes = (story.at - story.begun) / 60000;
  return minutes < 1 ? "" : minutes < 120 ? `${Math.round(minutes)} min from first to last` : `${Math.round(minutes / 60)} h from first to last`;
}
