// One model: how it is and why, its metrics over time, its segments, versions, labels and events.

import { actions } from "./actions.js";
import { get, ofModel } from "./api.js";
import { drawChart } from "./chart.js";
import { h, put } from "./dom.js";
import { evidencePanel } from "./evidence.js";
import { count, duration, metric as shown, moment, percent, short } from "./format.js";
import { icon } from "./icons.js";
import { delayCard, segmentsCard, versionsCard } from "./model_tables.js";
import { calmly, card, failure, meter, stat, stateBadge, time } from "./parts.js";
import { rangeControl, rangeOf } from "./range.js";
import { link, place, requery } from "./route.js";
import { timeline } from "./story.js";

const MARKED = new Set(["drift", "challenger", "verdict", "promotion", "rollback", "failure", "watch"]); // on the axis; all are in the list

/**
 * @param {HTMLElement} root
 * @param {import("./route.js").Place} begin
 */
export function modelPage(root, begin) {
  const name = begin.name;
  const stopper = new AbortController();
  const { signal } = stopper;
  /** @type {{overview: any, charts: any, stories: any, seq: number | null}} */
  const know = { overview: null, charts: null, stories: null, seq: Number(begin.query.get("event")) || null };
  const part = () => h("div", { class: "page-body" });
  const [head, problem, stats, why, details, tables, log] = [part(), part(), part(), part(), part(), h("div", { class: "columns" }), part()];
  const chart = h("div", { class: "chart", role: "img", "aria-label": `${name} over time; the same figures are in the tables below` }, h("div", { class: "loading" }, "Drawing…"));
  const range = h("div", { class: "group", role: "group", "aria-label": "Range of time" });
  const legend = h("div", { class: "legend" });

  /** @param {Promise<any>} told @param {(told: any) => void} draw */
  const then = (told, draw) => told.then((found) => !signal.aborted && draw(found)).catch((error) => {
    if (signal.aborted) return;
    put(problem, failure(error));
    chart.querySelector(".loading")?.replaceChildren("Nothing can be drawn.");
  });
  const loadOverview = () => then(get(ofModel(name, "overview"), {}, signal), (told) => {
    know.overview = told;
    put(problem);
    drawHead();
    drawTables();
  });
  const loadStories = () => then(get(ofModel(name, "stories"), {}, signal), (told) => {
    know.stories = told;
    drawLog();
    drawMarks();
  });
  const loadCharts = () => {
    const { start, end } = rangeOf(place().query, know.overview?.row.newest);
    const points = Math.max(60, Math.min(400, Math.round(chart.clientWidth / 3)));
    return then(get(ofModel(name, "charts"), { start, end, points }, signal), (told) => {
      know.charts = told;
      drawHead();
      drawMarks();
      drawTables();
    });
  };

  function drawHead() {
    const { row } = know.overview;
    put(head, h("div", { class: "page-head" },
      h("div", {}, h("div", { class: "crumbs" }, h("a", { href: link("fleet") }, "Fleet"), "/", h("span", {}, name)),
        h("div", { class: "model-title" }, h("h1", {}, name), stateBadge(row.state), h("span", { class: "muted" }, row.reason))),
      h("div", { class: "end" }, actions(row, () => Promise.all([loadOverview(), loadStories()])))));
    put(stats, row.silenced_until ? h("p", { class: "notice" }, icon("mute"), ` Nobody is told of this model until ${moment(row.silenced_until)}.`) : null,
      h("dl", { class: "card stats" },
        stat(`${row.metric ?? "metric"}, latest 4 h`, shown(row.metric, row.value), row.usual === null ? `${count(row.n)} labels` : `usually ${shown(row.metric, row.usual)}`),
        stat("Records an hour", short(Math.round(row.rate)), `${count(row.records)} in all`),
        stat("Labelled, latest day", percent(row.coverage), meter(row.coverage, `${percent(row.coverage)} of the latest day`)),
        ...standing(row, know.charts?.versions ?? []),
        stat("Newest record", row.newest ? time(row.newest) : "–", row.newest ? moment(row.newest) : "", "text")));
    put(range, rangeControl(place().query, (changes) => {
      requery(changes);
      drawHead();
      loadCharts();
    }));
  }

  function drawMarks() {
    if (!know.charts) return;
    const { start, end, main } = know.charts;
    const marks = (know.stories?.events ?? []).filter((/** @type {any} */ each) => each.at >= start && each.at <= end && MARKED.has(each.stage));
    put(legend, key("var(--accent)", `${main} with its 95 % interval`), know.charts.usual ? key("var(--healthy-soft)", `usual: ${shown(main, know.charts.usual.value)}`) : null,
      know.charts.provisional_from ? h("span", {}, h("i", { class: "hatch" }), "provisional: labels still to come") : null,
      key("var(--accent)", "labelled records"), key("var(--then)", "records without a label"),  h("span", { class: "muted" }, "Drag to zoom, double-click to go back."));
    if (!know.charts.at.length) {
      put(legend, "There are no records in this time.");
    }
    drawChart(chart, know.charts, marks, { zoomed, reset: unzoom, chosen: choose, seq: know.seq }).catch((error) => put(problem, failure(error)));
  }

  /** @param {string} colour @param {string} text */
  const key = (colour, text) => h("span", {}, h("i", { vars: { "--k": colour } }), text);

  const zoomed = (/** @type {number} */ from, /** @type {number} */ to) => {
    requery({ from: new Date(from).toISOString().slice(0, 19) + "Z", to: new Date(to).toISOString().slice(0, 19) + "Z", range: "" });
    drawHead();
    loadCharts();
  };
  const unzoom = () => {
    requery({ from: "", to: "", range: "" });
    drawHead();
    loadCharts();
  };

  /** @param {number | null} seq */
  function choose(seq) {
    know.seq = seq;
    requery({ event: seq ?? "" });
    drawWhy();
    drawMarks();
    drawLog();
    if (seq) why.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  function drawWhy() {
    if (know.seq) evidencePanel(why, details, name, know.seq, { close: () => choose(null), signal });
    else {
      put(why);
      put(details);
    }
  }

  function drawTables() {
    if (!know.overview) return;
    put(tables, know.charts ? versionsCard(know.charts.versions, know.overview.row) : null, segmentsCard(know.overview), delay);
  }
  const delay = delayCard(name, signal, (error) => put(problem, failure(error)), duration);

  function drawLog() {
    const events = know.stories?.events ?? [];
    put(log, card("Events", events.length ? timeline(events.slice(0, 40), choose, know.seq) : h("div", { class: "empty" }, "Nothing has happened yet.")));
  }

  const again = calmly(() => Promise.all([loadOverview(), loadStories(), loadCharts()]), 2500);
  const heard = (/** @type {Event} */ event) => {
    const { changed, more } = /** @type {CustomEvent} */ (event).detail;
    if (more || changed.includes(name)) again();
  };
  addEventListener("changed", heard);
  addEventListener("theme", drawMarks);
  put(root, head, problem, stats, why,
    h("section", { class: "card", "aria-label": "Over time" },
      h("div", { class: "card-head" }, h("h2", {}, "Over time"), h("div", { class: "end" }, range)),
      h("div", { class: "card-body" }, legend, chart)),
    details, tables, log);
  put(head, h("div", { class: "page-head" }, h("h1", {}, name)));
  drawWhy();
  loadOverview().then(() => know.overview && loadCharts());
  loadStories();
  return {
    leave: () => {
      stopper.abort();
      removeEventListener("changed", heard);
      removeEventListener("theme", drawMarks);
    },
  };
}

/** Who serves, who is compared, and what was decided; only the version where nobody decides. @param {any} row @param {any[]} versions */
function standing(row, versions) {
  if (!row.champion) return [stat("Version", versions[0]?.version ?? "–", "no retraining is set up", "text")];
  return [
    stat("Champion", row.champion, [row.leader ? `${row.leader} answers now` : "", row.watched ? `watched against ${row.challenger}` : ""].filter(Boolean).join("; "), "text"),
    stat("Challenger", row.challenger && !row.watched ? row.challenger : "none", row.ready ? "is better; waits for a word" : "", "text"),
    stat("Last decision", row.decision ? time(row.decision.at) : "none yet", row.decision?.reason ?? "", "text"),
  ];
}
