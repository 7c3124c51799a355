// Nodes are made here and nowhere else: text is text, and only known attributes are set.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, any>} Props */

const ALLOWED = new Set([
  "id", "class", "type", "name", "value", "for", "role", "title", "tabindex", "colspan", "scope", "placeholder",
  "autocomplete", "accept", "rows", "min", "max", "datetime", "viewBox", "preserveAspectRatio", "d", "x", "y", "x1",
  "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "points", "rx", "alt", "spellcheck", "required",
  "disabled", "hidden", "open", "method", "maxlength",
]);
const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. Props: attributes, `on` with listeners, `vars` with custom properties of its style.
 * @param {string} tag
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  return /** @type {HTMLElement} */ (fill(document.createElement(tag), props, children));
}

/**
 * An element of SVG.
 * @param {string} tag
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function s(tag, props = {}, ...children) {
  return /** @type {SVGElement} */ (fill(document.createElementNS(SVG, tag), props, children));
}

/**
 * @param {Element} node
 * @param {Props} props
 * @param {(Child | Child[])[]} children
 */
function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, heard] of Object.entries(value)) node.addEventListener(event, heard);
    } else if (name === "vars") {
      for (const [key, text] of Object.entries(value)) /** @type {HTMLElement} */ (node).style.setProperty(key, String(text));
    } else if (name === "href") {
      if (!String(value).startsWith("#")) throw new Error("links stay on this page");
      node.setAttribute("href", value);
    } else if (name === "src") {
      if (!/^[a-z]+\.svg$/.test(value)) throw new Error("pictures are our own");
      node.setAttribute("src", value);
    } else if (ALLOWED.has(name) || /^(aria|data)-[a-z-]+$/.test(name)) {
      node.setAttribute(name, value === true ? "" : String(value));
    } else {
      throw new Error(`no attribute ${name} is set here`);
    }
  }
  append(node, children);
  return node;
}

/**
 * @param {Element} node
 * @param {(Child | Child[])[]} children
 */
function append(node, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/**
 * Put children in the place of what a node holds.
 * @param {Element} node
 * @param {...(Child | Child[])} children
 */
export function put(node, ...children) {
  node.replaceChildren();
  append(node, children);
}
