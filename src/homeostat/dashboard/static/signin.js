// The token is asked for once a tab; it goes nowhere but to this service.

import { get } from "./api.js";
import { h, put } from "./dom.js";
import { failure } from "./parts.js";
import { keepToken } from "./session.js";

/**
 * @param {HTMLElement} root
 * @param {() => void} done
 * @param {string} problem
 */
export function signIn(root, done, problem) {
  const said = h("div", { "aria-live": "polite" }, problem ? failure(problem) : null);
  const field = /** @type {HTMLInputElement} */ (h("input", {
    class: "input mono", id: "token", type: "password", autocomplete: "off", placeholder: "hs_…", spellcheck: "false", required: true,
  }));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    keepToken(field.value.trim());
    try {
      await get("/v1/fleet", { limit: 1 });
      done();
    } catch (error) {
      keepToken("");
      put(said, failure(error));
      field.focus();
    }
  };
  put(root, h("main", { class: "signin" }, h("form", { method: "dialog", on: { submit } },
    h("img", { src: "mark.svg", alt: "", class: "logo" }),
    h("div", {}, h("h1", {}, "Sign in to homeostat"),
      h("p", { class: "muted" }, "With a token of the scope read; to decide something, of the scope admin.")),
    h("label", { class: "field", for: "token" }, "Token", field), said,
    h("button", { class: "button primary", type: "submit" }, "Sign in"),
    h("p", { class: "muted small" }, "Make one: ", h("span", { class: "mono" }, "homeostat token create --scope read"),
      ". It is kept in this tab, until it is closed."))));
  field.focus();
}
