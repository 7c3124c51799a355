// Decisions: what waits for a person, and the story of each retraining.

import { actions } from "./actions.js";
import { get } from "./api.js";
import { h, put } from "./dom.js";
import { icon } from "./icons.js";
import { calmly, failure } from "./parts.js";
import { link, requery } from "./route.js";
import { storyCard } from "./story.js";

/** @type {[string, string, (story: any) => boolean][]} */
const KINDS = [
  ["", "All", () => true], ["retrainings", "Retrainings", (story) => Boolean(story.job)],
  ["changes", "Changes of the champion", (story) => ["promoted", "rolled back"].includes(story.outcome)],
  ["alarms", "Alarms without one", (story) => story.outcome === "alarm"],
];

/**
 * @param {HTMLElement} root
 * @param {import("./route.js").Place} place
 */
export function decisionsPage(root, place) {
  let kind = place.query.get("kind") ?? "all";
  /** @type {any} */
  let told = null;
  let gone = false;
  const problem = h("div");
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Which stories" });
  const waiting = h("div", { class: "page-body" });
  const list = h("div", { class: "stories" });

  async function load() {
    try {
      const found = await get("/v1/decisions");
      if (gone) return;
      told = found;
      put(problem);
      draw();
    } catch (error) {
      if (!gone) put(problem, failure(error));
    }
  }

  function draw() {
    put(chips, KINDS.map(([name, text, fits]) => h("button", {
      type: "button", class: "button", "aria-pressed": String(name === (kind === "all" ? "" : kind)),
      on: { click: () => { kind = name; requery({ kind: name }); draw(); } },
    }, text, h("span", { class: "n" }, told.stories.filter(fits).length))));
    put(waiting, told.waiting.map((/** @type {any} */ row) => wait(row, load)));
    const fits = KINDS.find(([name]) => name === (kind === "all" ? "" : kind))?.[2] ?? (() => true);
    const found = told.stories.filter(fits);
    put(list, found.length ? found.map(storyCard) : h("div", { class: "card empty" }, "No such story yet."));
  }

  const again = calmly(load, 800);
  addEventListener("changed", again);
  put(root, h("div", { class: "page-head" }, h("h1", {}, "Decisions"), chips), problem, waiting, list);
  put(list, h("div", { class: "loading" }, "Reading the stories…"));
  load();
  return {
    leave: () => {
      gone = true;
      removeEventListener("changed", again);
    },
  };
}

/** @param {any} row @param {() => Promise<any>} done */
function wait(row, done) {
  const text = row.waiting ? `${row.job} waits for approval` : `${row.challenger} is better than ${row.champion}, and waits for a word`;
  return h("section", { class: "card waiting", "aria-label": `${row.model} waits` }, h("div", { class: "card-body" },
    h("span", { class: "badge is-busy" }, icon("request"), "Waits for you"),
    h("div", {}, h("h2", {}, h("a", { href: link("model", row.model, { event: row.seq }) }, row.model)), h("div", { class: "muted" }, text)),
    h("div", { class: "actions" }, actions(row, done, row.waiting ? ["approve", "cancel"] : ["promote", "reject"]))));
}
