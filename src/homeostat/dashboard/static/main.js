// The frame of all pages: who is signed in, where we are, whether it is live.

import { backtestPage } from "./backtest.js";
import { decisionsPage } from "./decisions.js";
import { h, put } from "./dom.js";
import { fleetPage } from "./fleet.js";
import { healthPage } from "./health.js";
import { icon } from "./icons.js";
import { Live } from "./live.js";
import { modelPage } from "./model.js";
import { button } from "./parts.js";
import { link, place } from "./route.js";
import { dark, keepToken, token, turnTheme } from "./session.js";
import { signIn } from "./signin.js";

/** @typedef {{leave?: () => void}} Shown */
/** @type {Record<string, [string, (root: HTMLElement, place: import("./route.js").Place) => Shown]>} */
const PAGES = {
  fleet: ["Fleet", fleetPage],
  decisions: ["Decisions", decisionsPage],
  backtest: ["Backtest", backtestPage],
  health: ["Health", healthPage],
  model: ["Model", modelPage],
};

const live = new Live();
const main = h("main", { id: "main", tabindex: "-1", class: "page" });
const sign = h("span", { class: "live", role: "status", "data-state": "off" });
const themeButton = button("", { class: "plain", "aria-label": "Light or dark", title: "Light or dark", on: { click: turnTheme } });
const nav = h("nav", { class: "nav", "aria-label": "Pages" });
/** @type {Shown} */
let shown = {};
let at = "";

function frame() {
  put(document.body,
    h("a", { class: "skip", href: "#main", on: { click: (/** @type {Event} */ e) => { e.preventDefault(); main.focus(); } } }, "Skip to the page"),
    h("header", { class: "bar" },
      h("a", { class: "brand", href: link("fleet") }, h("img", { src: "mark.svg", alt: "" }), "homeostat"), nav,
      h("div", { class: "bar-end" }, sign, themeButton,
        button("", { class: "plain", "aria-label": "Sign out", title: "Sign out", on: { click: leave } }, "out"))),
    main);
  paintTheme();
  live.start();
  turn();
}

function paintTheme() {
  put(themeButton, icon(dark() ? "sun" : "moon"));
}

function leave() {
  keepToken("");
  show();
}

function turn() {
  const now = place();
  const [name, draw] = PAGES[now.page] ?? PAGES.fleet;
  put(nav, Object.entries(PAGES).filter(([page]) => page !== "model").map(([page, [text]]) => {
    const here = page === now.page || (page === "fleet" && now.page === "model");
    return h("a", { href: link(page), "aria-current": here ? "page" : undefined }, text);
  }));
  const key = `${now.page}/${now.name}`;
  const moved = at !== "" && key !== at;
  at = key;
  shown.leave?.();
  put(main);
  document.title = `${now.name || name} · homeostat`;
  shown = draw(main, now);
  if (moved) {
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

/** @param {string} [problem] */
function show(problem = "") {
  shown.leave?.();
  shown = {};
  if (token()) {
    frame();
    return;
  }
  at = "";
  live.stop();
  signIn(document.body, frame, problem);
}

addEventListener("hashchange", () => token() && turn());
addEventListener("theme", paintTheme);
addEventListener("signed-out", (event) => show(/** @type {CustomEvent} */ (event).detail ?? "sign in again"));
addEventListener("live", (event) => {
  const state = /** @type {CustomEvent} */ (event).detail;
  sign.dataset.state = state;
  put(sign, state === "live" ? "Live" : state === "reconnecting" ? "Reconnecting…" : "");
});
show();
