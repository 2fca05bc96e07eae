// Elements from a few words: el("li", {class: "name", text: label}, child, ...).
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (name === "style") for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const one = (selector, root = document) => root.querySelector(selector);

const SVG = "http://www.w3.org/2000/svg";
export function shape(tag, attributes = {}) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export const percent = (share) => {
  if (share === null || share === undefined) return "–";
  const fine = (100 * share).toFixed(1);
  return (share >= 0.0995 && share < 0.9895 ? Math.round(100 * share) : fine.replace(".0", "")) + " %";
};
export const clock = (seconds) => {
  const whole = Math.floor(seconds), minutes = Math.floor(whole / 60);
  return minutes ? minutes + ":" + String(whole % 60).padStart(2, "0") : seconds.toFixed(1) + " s";
};
export const size = (bytes) => bytes >= 1e9 ? (bytes / 1e9).toFixed(1) + " GB" : bytes >= 1e6 ? Math.round(bytes / 1e6) + " MB" : Math.max(1, Math.round(bytes / 1e3)) + " kB";

// A colour for each class, the same wherever it is shown: the first six that are met have one of their own.
const COLOURS = 6, met = new Map();
export function colour(label) {
  if (!met.has(label)) met.set(label, "var(--c" + Math.min(met.size, COLOURS - 1) + ")");
  return met.get(label);
}
