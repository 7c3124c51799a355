// The token of this tab, and the theme of this browser.

const TOKEN = "homeostat.token";
const THEME = "homeostat.theme";

/** @returns {string} */
export const token = () => sessionStorage.getItem(TOKEN) ?? "";

/** @param {string} text */
export function keepToken(text) {
  if (text) sessionStorage.setItem(TOKEN, text);
  else sessionStorage.removeItem(TOKEN);
}

/** Whether the page is dark now. */
export const dark = () =>
  (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

export function turnTheme() {
  const next = dark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem(THEME, next);
  dispatchEvent(new CustomEvent("theme"));
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new CustomEvent("theme")));
