// The service, asked with the token of this tab.

import { keepToken, token } from "./session.js";

/** What the service answered that could not be done. */
export class Refused extends Error {
  /** @param {number} status @param {{problem?: string, hint?: string}} told */
  constructor(status, told) {
    super([told.problem ?? `the service answered ${status}`, told.hint].filter(Boolean).join("; "));
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @param {string} [other] a token in the place of this tab's
 * @returns {Promise<Response>}
 */
export async function ask(path, options = {}, other = "") {
  const headers = new Headers(options.headers);
  headers.set("Authorization", `Bearer ${other || token()}`);
  const reply = await fetch(path, { ...options, headers });
  if (reply.ok) return reply;
  const told = await reply.json().catch(() => ({}));
  if (reply.status === 401 && !other) {
    keepToken("");
    dispatchEvent(new CustomEvent("signed-out", { detail: told.problem }));
  }
  throw new Refused(reply.status, told);
}

/**
 * @param {string} path
 * @param {Record<string, any>} [query] what is empty is left out
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, query = {}, signal) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return (await ask(text ? `${path}?${text}` : path, { signal })).json();
}

/**
 * @param {string} path
 * @param {any} body
 * @param {string} [other] a token in the place of this tab's
 * @returns {Promise<any>}
 */
export async function post(path, body, other = "") {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method: "POST", body: JSON.stringify(body), headers }, other)).json();
}

/** The path of something of a model. @param {string} model @param {string} what */
export const ofModel = (model, what) => `/v1/models/${encodeURIComponent(model)}/${what}`;
