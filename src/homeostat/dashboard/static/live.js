// What changes, as it changes: server-sent events over a fetch, which can send the token.

import { ask } from "./api.js";

/** @typedef {{version: number, changed: string[], more: number}} Changed */

const WAITS = [500, 1000, 2000, 5000, 10000];
const SILENCE = 20000; // the service gives a sign of life every 5 seconds

/** One stream for the whole page; tells `live` on the window with what changed, or the state. */
export class Live {
  constructor() {
    /** @type {AbortController | null} */
    this.stopper = null;
    this.state = "off";
  }

  start() {
    if (this.stopper) return;
    this.stopper = new AbortController();
    this.run(this.stopper.signal);
  }

  stop() {
    this.stopper?.abort();
    this.stopper = null;
    this.say("off");
  }

  /** @param {AbortSignal} signal */
  async run(signal) {
    let tries = 0;
    while (!signal.aborted) {
      const watch = new AbortController();
      const end = () => watch.abort();
      signal.addEventListener("abort", end);
      try {
        const headers = { Accept: "text/event-stream" };
        const reply = await ask("/v1/fleet", { headers, signal: watch.signal, cache: "no-store" });
        const missed = tries > 0;
        tries = 0;
        this.say("live");
        if (missed) this.tell({ version: 0, changed: [], more: 1 });
        await this.read(reply, watch);
      } catch {
        // told below: whatever ended the stream, it is begun again
      } finally {
        signal.removeEventListener("abort", end);
        watch.abort();
      }
      if (signal.aborted) break;
      this.say("reconnecting");
      await new Promise((resolve) => setTimeout(resolve, WAITS[Math.min(tries, WAITS.length - 1)]));
      tries += 1;
    }
  }

  /** @param {Response} reply @param {AbortController} watch */
  async read(reply, watch) {
    if (!reply.body) return;
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const timer = setTimeout(() => watch.abort(), SILENCE);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop() ?? "";
      for (const part of parts) this.hear(part);
    }
  }

  /** @param {string} part */
  hear(part) {
    const lines = part.split("\n");
    const kind = lines.find((line) => line.startsWith("event: "))?.slice(7);
    const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
    if (kind === "changed" && data) this.tell(JSON.parse(data));
  }

  /** @param {Changed} changed */
  tell(changed) {
    dispatchEvent(new CustomEvent("changed", { detail: changed }));
  }

  /** @param {string} state */
  say(state) {
    if (state === this.state) return;
    this.state = state;
    dispatchEvent(new CustomEvent("live", { detail: state }));
  }
}
