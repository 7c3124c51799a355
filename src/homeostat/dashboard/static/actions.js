// What a person may decide, each asked for once more before it is done.

import { ofModel, post, Refused } from "./api.js";
import { h, put } from "./dom.js";
import { button, failure, toast } from "./parts.js";

/**
 * text: of the button. told: what it does, of a row of the fleet. fits: whether there is something to do.
 * @typedef {{text: string, done: string, told: (row: any) => string, fits: (row: any) => boolean, danger?: boolean, body?: (row: any) => Record<string, any>}} Act
 */

/** @type {Record<string, Act>} */
const ACTS = {
  approve: { text: "Approve", done: "Approved", told: (row) => `Let ${row.job} go on: the trainer runs, and what it makes is compared with ${row.champion}.`, fits: (row) => row.waiting, body: (row) => ({ job: row.job }) },
  promote: { text: "Promote", done: "Promoted", told: (row) => `Let ${row.challenger} serve in the place of ${row.champion}. Metrics and detectors begin anew.`, fits: (row) => Boolean(row.challenger && !row.watched) },
  reject: { text: "Reject", done: "Rejected", told: (row) => `Compare ${row.challenger} no more; ${row.champion} stays.`, fits: (row) => Boolean(row.challenger && !row.watched) },
  rollback: { text: "Roll back", done: "Rolled back", told: (row) => `Let the version serve again that served before ${row.champion}.`, fits: (row) => Boolean(row.champion && row.watched) || row.decision?.kind === "ModelPromoted", danger: true },
  retrain: { text: "Retrain", done: "Asked for", told: (row) => `Ask for a retraining of ${row.model} now. Cooldowns and budgets do not hold for a person.`, fits: (row) => Boolean(row.champion) && !row.job },
  cancel: { text: "Cancel", done: "Cancelled", told: (row) => `End ${row.job}.`, fits: (row) => Boolean(row.job), danger: true, body: (row) => ({ job: row.job }) },
  silence: { text: "Silence", done: "Silenced", told: (row) => `Wake nobody for ${row.model}: webhooks, chat and alerts pass its events over. All is kept, and archives go on.`, fits: (row) => !row.silenced_until },
  unsilence: { text: "End the silence", done: "The silence is over", told: (row) => `Tell of ${row.model} again from now on.`, fits: (row) => Boolean(row.silenced_until), body: () => ({ until: null }) },
};
const HOURS = /** @type {[string, number][]} */ ([["1 hour", 1], ["8 hours", 8], ["1 day", 24], ["1 week", 168]]);

/**
 * Buttons for what fits a model now.
 * @param {any} row of the fleet
 * @param {() => Promise<any>} done
 * @param {string[]} [which]
 */
export function actions(row, done, which = Object.keys(ACTS)) {
  return which.filter((name) => ACTS[name].fits(row)).map((name) => button(ACTS[name].text, {
    class: name === "approve" || name === "promote" ? "primary" : ACTS[name].danger ? "danger" : "", "data-act": name,
    on: { click: () => confirm(name, row, done) },
  }, name.endsWith("silence") ? "mute" : ""));
}

/** @param {string} name @param {any} row @param {() => Promise<any>} done */
function confirm(name, row, done) {
  const act = ACTS[name];
  const reason = /** @type {HTMLTextAreaElement} */ (h("textarea", { class: "input", id: "reason", rows: 2, maxlength: 2000, placeholder: "Goes into the log" }));
  const token = /** @type {HTMLInputElement} */ (h("input", { class: "input mono", id: "admin", type: "password", autocomplete: "off", spellcheck: "false", placeholder: "Only if yours is for reading" }));
  const hours = /** @type {HTMLSelectElement} */ (h("select", { class: "input", id: "hours" }, HOURS.map(([text, n]) => h("option", { value: n }, text))));
  const said = h("div", { "aria-live": "assertive" });
  const go = /** @type {HTMLButtonElement} */ (h("button", { class: `button primary`, type: "submit" }, act.text));
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { "aria-labelledby": "asks" }, h("form", { method: "dialog", on: { submit } },
    h("h2", { id: "asks" }, `${act.text}: ${row.model}`), h("p", {}, act.told(row)),
    name === "silence" ? h("label", { class: "field", for: "hours" }, "For", hours) : null,
    h("label", { class: "field", for: "reason" }, "Reason", reason),
    h("label", { class: "field", for: "admin" }, "Admin token", token), said,
    h("div", { class: "end" }, button("Not now", { on: { click: () => dialog.close() } }), go))));

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    go.disabled = true;
    put(said);
    const until = name === "silence" ? { until: new Date(Date.now() + Number(hours.value) * 3_600_000).toISOString() } : {};
    const path = ofModel(row.model, name === "unsilence" ? "silence" : name);
    try {
      await post(path, { reason: reason.value, ...until, ...act.body?.(row) }, token.value.trim());
      dialog.close();
      toast(`${act.done}: ${row.model}`);
      await done();
    } catch (error) {
      put(said, failure(error));
      if (error instanceof Refused && [401, 403].includes(error.status)) token.focus();
      go.disabled = false;
    }
  }
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  reason.focus();
}
