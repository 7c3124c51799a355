// The fleet: every model by its state, and why; searched, filtered and sorted by the service.

import { get } from "./api.js";
import { h, put } from "./dom.js";
import { fleetRow } from "./fleet_row.js";
import { count, title } from "./format.js";
import { icon } from "./icons.js";
import { button, calmly, failure } from "./parts.js";
import { requery } from "./route.js";

const LIMIT = 100;
export const STATES = ["degraded", "drifting", "retraining", "provisional", "healthy"];
/** @type {[string, string, string][]} heading, what it sorts by, class */
const HEADS = [
  ["State", "state", ""], ["Model", "model", ""], ["Latest 4 h", "metric", "number"], ["Latest day", "", ""],
  ["Records an hour", "traffic", "number"], ["Labelled", "coverage", "number"], ["Last decision", "decision", ""],
];

/**
 * @param {HTMLElement} root
 * @param {import("./route.js").Place} place
 */
export function fleetPage(root, place) {
  const asked = {
    search: place.query.get("search") ?? "", state: place.query.get("state") ?? "",
    sort: place.query.get("sort") ?? "state", descending: place.query.get("descending") ?? "", offset: 0,
  };
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Filter by state" });
  const body = h("tbody");
  const head = h("thead");
  const pager = h("div", { class: "pager" });
  const problem = h("div");
  const input = /** @type {HTMLInputElement} */ (h("input", {
    class: "input", type: "search", placeholder: "Search models and reasons", "aria-label": "Search models and reasons",
    autocomplete: "off", on: { input: calmly(() => turn({ search: input.value, offset: 0 }), 150) },
  }));
  input.value = asked.search;
  let stopper = new AbortController();
  /** @type {Set<string>} */
  let onScreen = new Set();

  /** @param {Partial<typeof asked>} changes */
  function turn(changes) {
    Object.assign(asked, changes);
    const { offset, ...kept } = asked;
    requery({ ...kept, sort: kept.sort === "state" ? "" : kept.sort });
    load();
  }

  async function load() {
    stopper.abort();
    stopper = new AbortController();
    try {
      const told = await get("/v1/fleet", { ...asked, limit: LIMIT }, stopper.signal);
      put(problem);
      draw(told);
    } catch (error) {
      if (!stopper.signal.aborted) put(problem, failure(error));
    }
  }

  /** @param {any} told */
  function draw(told) {
    const all = STATES.reduce((sum, state) => sum + told.counts[state], 0);
    const chip = (/** @type {string} */ state, /** @type {string} */ text, /** @type {number} */ n) =>
      h("button", {
        class: `button is-${state}`, type: "button", "aria-pressed": String(asked.state === state),
        on: { click: () => turn({ state: asked.state === state ? "" : state, offset: 0 }) },
      }, state ? icon(state) : null, text, h("span", { class: "n" }, count(n)));
    keepFocus(chips, () => put(chips, chip("", "All", all), STATES.map((state) => chip(state, title(state), told.counts[state]))));
    keepFocus(head, () => put(head, h("tr", {}, HEADS.map(heading))));
    keepFocus(body, () => put(body, told.models.length ? told.models.map(fleetRow) : nothing(all)));
    onScreen = new Set(told.models.map((/** @type {any} */ row) => row.model));
    const end = Math.min(asked.offset + LIMIT, told.total);
    put(pager, h("span", {}, told.total ? `${count(asked.offset + 1)}–${count(end)} of ${count(told.total)}` : "No models"),
      h("span", { class: "end" },
        button("Previous", { disabled: asked.offset === 0, on: { click: () => turn({ offset: Math.max(0, asked.offset - LIMIT) }) } }),
        button("Next", { disabled: end >= told.total, on: { click: () => turn({ offset: asked.offset + LIMIT }) } })));
  }

  /** @param {[string, string, string]} one */
  function heading([text, sort, kind]) {
    const sorted = sort && sort === asked.sort;
    const down = asked.descending === "1";
    const order = sorted ? (down ? "descending" : "ascending") : undefined;
    const press = () => turn({ sort, descending: sorted && !down ? "1" : "", offset: 0 });
    return h("th", { scope: "col", class: kind, "aria-sort": order },
      sort ? h("button", { type: "button", class: "sort", "data-sort": sort, on: { click: press } }, text, sorted ? icon(down ? "up" : "down") : null) : text);
  }

  /** @param {number} all */
  function nothing(all) {
    const text = all ? "No model is like that." : asked.search ? "Nothing is found." : "No model yet: the first record makes one.";
    return h("tr", {}, h("td", { colspan: 7 }, h("div", { class: "empty" }, text)));
  }

  const again = calmly(load, 400);
  const heard = (/** @type {Event} */ event) => {
    const { changed, more } = /** @type {CustomEvent} */ (event).detail;
    if (more || changed.some((/** @type {string} */ name) => onScreen.has(name)) || onScreen.size < LIMIT) again();
  };
  addEventListener("changed", heard);
  put(root,
    h("div", { class: "page-head" }, h("h1", {}, "Fleet"), chips,
      h("div", { class: "end" }, h("div", { class: "search" }, icon("search"), input))),
    problem,
    h("section", { class: "card", "aria-label": "Models" },
      h("div", { class: "table-wrap" }, h("table", { class: "fleet" }, h("caption", { class: "hidden-text" }, "Models by state"), head, body)), pager));
  put(body, Array.from({ length: 8 }, () => h("tr", {}, h("td", { colspan: 7 }, h("div", { class: "skeleton" })))));
  load();
  return {
    leave: () => {
      stopper.abort();
      removeEventListener("changed", heard);
    },
  };
}

/**
 * Draw anew what may hold the focus, and give it back to its like.
 * @param {HTMLElement} node
 * @param {() => void} draw
 */
function keepFocus(node, draw) {
  const held = document.activeElement;
  const all = () => [...node.querySelectorAll("a, button")];
  const place = held && node.contains(held) ? all().indexOf(held) : -1;
  draw();
  if (place >= 0) /** @type {HTMLElement | undefined} */ (all()[place])?.focus({ preventScroll: true });
}
