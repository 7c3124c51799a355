// Plotly, loaded when a page first needs it, under a policy that allows nothing inline.

const BUNDLE = "plotly.min.js";

// The one thing here that may become code; browsers without Trusted Types take the name as it is.
const trusted = /** @type {any} */ (window).trustedTypes?.createPolicy("homeostat-plotly", { createScriptURL: () => BUNDLE });

/** @type {Promise<any> | null} */
let loading = null;

/** @returns {Promise<any>} */
export function plotly() {
  loading ??= load();
  return loading;
}

/** @returns {Promise<any>} */
async function load() {
  const head = document.head;
  // It adds the style sheet of its maps as text, which the policy forbids; we draw no map.
  head.appendChild = /** @type {any} */ ((/** @type {Node} */ node) => (node.nodeName === "STYLE" ? node : Node.prototype.appendChild.call(head, node)));
  const script = document.createElement("script");
  script.src = trusted?.createScriptURL(BUNDLE) ?? BUNDLE;
  await new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = () => reject(new Error("Plotly could not be loaded"));
    Node.prototype.appendChild.call(head, script);
  });
  // @ts-ignore: its own property hides the prototype's
  delete head.appendChild;
  return /** @type {any} */ (window).Plotly;
}

/** A colour of the theme. @param {string} name */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** The same, so much of it. @param {string} name @param {number} share */
export function faded(name, share) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour(name).slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},${share})`;
}

/** Text that Plotly takes as it is: no markup of its own. @param {unknown} text */
export const plain = (text) => String(text).replace(/[<>&$]/g, (sign) => ({ "<": "‹", ">": "›", "&": "＆" })[sign] ?? "＄");

/** Layout that all charts share. @returns {Record<string, any>} */
export function base() {
  return {
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("muted") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "x unified",
    margin: { l: 56, r: 12, t: 8, b: 44 }, dragmode: "zoom",
    hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("line"), font: { color: colour("text"), size: 12 } },
  };
}

/** @returns {Record<string, any>} */
export const axis = (/** @type {Record<string, any>} */ more = {}) => ({
  gridcolor: colour("line"), zeroline: false, linecolor: colour("line"), tickcolor: colour("line"), automargin: false, ...more,
});

export const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false, scrollZoom: false, showTips: false };
