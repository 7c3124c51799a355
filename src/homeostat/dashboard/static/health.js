// The service itself: queues, drops, plug-ins, sinks, disk.

import { get } from "./api.js";
import { h, put } from "./dom.js";
import { count, duration, percent, size } from "./format.js";
import { icon } from "./icons.js";
import { card, failure, meter, stat } from "./parts.js";
import { link } from "./route.js";

const EVERY = 5000;
/** @type {Record<string, string>} */
const LOST = {
  records_rejected: "Records refused, of requests taken in part", refused: "Records of requests refused whole",
  unreadable: "Rows that were no record", refused_labels: "Labels refused", records_late: "Records that came late (counted)",
  records_duplicate: "Records sent again (not counted again)",
};

/** @param {HTMLElement} root */
export function healthPage(root) {
  const body = h("div", { class: "page-body" });
  const problem = h("div");
  let gone = false;

  async function load() {
    try {
      const told = await get("/v1/condition");
      if (gone) return;
      put(problem, told.stale ? h("p", { class: "notice" }, "The store is busy: these are the latest figures that are known.") : null);
      put(body, draw(told));
    } catch (error) {
      if (!gone) put(problem, failure(error));
    }
  }
  put(root, h("div", { class: "page-head" }, h("h1", {}, "Health"), h("span", { class: "muted" }, "of the service itself")), problem, body);
  put(body, h("div", { class: "loading" }, "Looking…"));
  load();
  const timer = setInterval(load, EVERY);
  return {
    leave: () => {
      gone = true;
      clearInterval(timer);
    },
  };
}

/** @param {any} told */
function draw(told) {
  const used = 1 - told.disk.free / told.disk.total;
  const queue = told.queue.bytes / told.queue.most;
  const open = (told.jobs.running ?? 0) + (told.jobs.queued ?? 0) + (told.jobs.waiting ?? 0);
  return [
    h("dl", { class: "card stats" },
      stat("Up", duration(told.up_seconds), `version ${told.version}`),
      stat("Models", count(told.models), `${count(told.records)} records`),
      stat("Queue", size(told.queue.bytes), [meter(queue, `${percent(queue)} of the queue`), ` of ${size(told.queue.most)}`]),
      stat("Store", size(told.disk.store), `${count(told.labelled)} labelled records`),
      stat("Disk free", size(told.disk.free), [meter(used, `${percent(used)} used`, used > 0.9 ? "hot" : ""), ` ${percent(used)} used`]),
      stat("Open retrainings", count(open), `${count(told.jobs.running)} running`),
      stat("Listeners", count(told.listeners.open), `of ${count(told.listeners.most)}`)),
    told.loop_problem ? h("p", { class: "notice bad" }, `The loop of retrainings cannot go on: ${told.loop_problem}`) : null,
    h("div", { class: "halves" },
      h("div", {}, told.sources.length ? card("Sources", sources(told.sources), { flush: true }) : null,
        card("Sinks", told.sinks.length ? sinks(told.sinks) : h("div", { class: "empty" }, "No sink is configured: events stay in the log."), { flush: told.sinks.length > 0 }),
        card("Plug-ins that failed", told.plugins.length ? plugins(told.plugins) : allWell("All plug-ins work."), { flush: told.plugins.length > 0 }),
        card("Retrainings", jobs(told.jobs), { flush: true })),
      h("div", {}, card("Dropped and refused", lost(told), { flush: true }))),
  ];
}

/** @param {string} text */
const allWell = (text) => h("p", { class: "badge is-good" }, icon("healthy"), text);

/** @param {string[]} heads @param {(import("./dom.js").Child | import("./dom.js").Child[])[][]} rows @param {number[]} numbers */
export function table(heads, rows, numbers) {
  const kind = (/** @type {number} */ at) => (numbers.includes(at) ? "number" : "");
  return h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": heads.join(", ") }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((text, at) => h("th", { scope: "col", class: kind(at) }, text)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, at) => h("td", { class: kind(at) }, cell)))))));
}

/** @param {any[]} list */
function sources(list) {
  return table(["Source", "State", "Records", "Set aside", "Behind"], list.map((source) => [
    h("b", {}, source.name),
    source.problem ? h("span", { class: "badge is-warn", title: source.problem }, icon("drifting"), "Retrying") : h("span", { class: "badge is-good" }, icon("healthy"), "Reads"),
    count(source.accepted), count(source.set_aside + source.refused), source.behind === null ? "not known" : count(source.behind),
  ]), [2, 3, 4]);
}

/** @param {any[]} list */
function sinks(list) {
  return table(["Sink", "State", "Delivered", "Waiting", "Dead", "Behind"], list.map((sink) => [
    [h("b", {}, sink.name), " ", h("span", { class: "muted" }, sink.type)],
    sink.gone ? h("span", { class: "badge is-bad" }, icon("degraded"), "Gone") : sink.problem
      ? h("span", { class: "badge is-warn", title: sink.problem }, icon("drifting"), "Retrying") : h("span", { class: "badge is-good" }, icon("healthy"), "Delivers"),
    count(sink.delivered), count(sink.waiting), count(sink.dead), count(sink.lag),
  ]), [2, 3, 4, 5]);
}

/** @param {any} told */
function lost(told) {
  const rows = Object.entries(told.lost).map(([name, n]) => [LOST[name] ?? name, count(/** @type {number} */ (n))]);
  const started = [["Tokens that were none (since the start)", count(told.token_failures)], ["Requests of tokens that were too fast (since the start)", count(told.rate_refusals)]];
  return table(["What", "Since the beginning"], [...rows, ...started], [1]);
}

/** @param {any[]} list */
function plugins(list) {
  return table(["Plug-in", "Model", "Error"], list.map((each) => [
    h("b", {}, each.plugin), h("a", { href: link("model", each.model) }, each.model), each.last_error,
  ]), []);
}

/** @param {Record<string, number>} states */
function jobs(states) {
  return table(["State", "Retrainings"], Object.entries(states).map(([state, n]) => [state, count(n)]), [1]);
}
