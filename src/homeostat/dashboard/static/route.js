// Where we are: #/model/NAME?from=...; the query holds what a link is to bring back.

/** @typedef {{page: string, name: string, query: URLSearchParams}} Place */

/** @returns {Place} */
export function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const [page, name] = path.split("/", 2);
  let text = "";
  try {
    text = decodeURIComponent(name ?? "");
  } catch {
    text = "";
  }
  return { page: page || "fleet", name: text, query: new URLSearchParams(query ?? "") };
}

/**
 * @param {string} page
 * @param {string} [name]
 * @param {Record<string, any>} [query]
 */
export function link(page, name = "", query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  const path = page === "fleet" && !name ? "#/" : `#/${page}${name ? `/${encodeURIComponent(name)}` : ""}`;
  return text ? `${path}?${text}` : path;
}

/**
 * Change the query without a new entry in the history, or a new page.
 * @param {Record<string, any>} changes
 */
export function requery(changes) {
  const { page, name, query } = place();
  const all = { ...Object.fromEntries(query), ...changes };
  history.replaceState(null, "", link(page, name, all));
}

/** @param {string} hash */
export function go(hash) {
  location.hash = hash;
}
