// The whole file as an overview, and below it a part of it with a lane for each class, whose segments are chosen,
// dragged by their borders, and moved by keyboard.
import { clock, colour, el } from "./dom.js";

const TOUCH = matchMedia("(pointer: coarse)").matches;
const NEAREST = 4, WIDEST_FIRST = 60, TICKS = [0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600];

export const exact = (seconds) => {
  const whole = Math.floor(seconds / 60), rest = (seconds - 60 * whole).toFixed(2).padStart(5, "0");
  return whole >= 60 ? `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}:${rest}` : `${whole}:${rest}`;
};

export class LabelTimeline {
  // seek(seconds), choose(row), border(row, side, seconds, done): where a border is being moved to.
  constructor(node, { seek, choose, border }) {
    Object.assign(this, { seek, choose, border, length: 1, from: 0, to: 1, at: 0, rows: [], ghosts: [], others: [], chosen: null, mark: null });
    this.view = el("div", { class: "part" });
    this.head = el("div", { class: "head", "aria-hidden": "true" });
    this.overview = el("div", { class: "overview", role: "slider", tabindex: "0", "aria-label": "Place in the file", "aria-valuemin": "0" }, this.view, this.head);
    this.ticks = el("div", { class: "ticks num", "aria-hidden": "true" });
    this.lanes = el("div", { class: "lanes", role: "group", "aria-label": "Segments by class" });
    this.cursor = el("div", { class: "cursor", "aria-hidden": "true" });
    this.zoomed = el("span", { class: "note num" });
    const zoom = el("div", { class: "zoom" }, this.zoomed,
      el("button", { type: "button", "aria-label": "Zoom out", text: "−", onclick: () => this.zoom(2) }),
      el("button", { type: "button", "aria-label": "Zoom in", text: "+", onclick: () => this.zoom(0.5) }),
      el("button", { type: "button", text: "All", onclick: () => this.show(0, this.length) }));
    node.append(this.overview, zoom, this.lanes, this.ticks);
    this.overview.addEventListener("pointerdown", (event) => this.#scrub(event, this.overview, () => [0, this.length]));
    this.overview.addEventListener("keydown", (event) => this.#key(event));
    this.lanes.addEventListener("pointerdown", (event) => { if (!event.target.closest(".segment, .ghost")) this.#scrub(event, this.lanes, () => [this.from, this.to]); });
  }

  open(seconds) {
    this.length = seconds;
    this.overview.setAttribute("aria-valuemax", seconds.toFixed(2));
    this.show(0, Math.min(seconds, WIDEST_FIRST));
  }

  show(from, to) {
    const span = Math.max(Math.min(NEAREST, this.length), Math.min(this.length, to - from));
    this.from = Math.max(0, Math.min(from, this.length - span));
    this.to = this.from + span;
    this.draw();
  }

  zoom(by) {
    const span = (this.to - this.from) * by;
    this.show(this.at - span / 2, this.at + span / 2);
  }

  move(seconds) {
    this.at = seconds;
    const span = this.to - this.from;
    if (seconds < this.from || seconds > this.to) return this.show(seconds - span / 10, seconds + (9 * span) / 10);
    this.#place();
  }

  set({ rows, ghosts, others, chosen, mark, labels }) {
    Object.assign(this, { rows, ghosts, others, chosen, mark, labels });
    this.draw();
  }

  draw() {
    if (this.dragging) return;  // it would take the border from under the pointer
    this.overview.querySelectorAll("i").forEach((one) => one.remove());
    for (const row of this.rows) this.overview.append(el("i", { style: { "--c": colour(row.label), ...this.#span(row, 0, this.length) } }));
    const used = (this.labels || []).filter((label) => [...this.rows, ...this.ghosts, ...this.others].some((row) => row.label === label));
    const focused = document.activeElement?.dataset?.key;
    this.lanes.replaceChildren(...used.map((label) => this.#lane(label)), this.cursor);
    if (!used.length) this.lanes.prepend(el("p", { class: "hint", text: TOUCH ? "Tap In where something starts and Out where it ends." : "Press i where something starts and o where it ends." }));
    if (this.mark !== null) this.lanes.append(el("div", { class: "mark", "aria-hidden": "true", text: "in", style: { left: this.#x(this.mark) } }));
    if (focused) [...this.lanes.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused)?.focus();
    this.#ticks();
    this.#place();
  }

  #lane(label) {
    const inside = (row) => row.label === label && row.start < this.to && this.#end(row) > this.from;
    const named = [...this.rows, ...this.ghosts].some((row) => inside(row) && row.start < this.from + 0.15 * (this.to - this.from));
    const lane = el("div", { class: "lane", style: { "--c": colour(label) } }, named ? null : el("span", { class: "name", "aria-hidden": "true", text: label }));
    for (const row of this.others.filter(inside)) lane.append(el("div", { class: "other", title: row.annotator || "without a name", style: this.#span(row) }));
    for (const row of this.ghosts.filter(inside)) lane.append(this.#ghost(row));
    for (const row of this.rows.filter(inside).sort((a, b) => a.start - b.start)) lane.append(this.#segment(row));
    return lane;
  }

  #segment(row) {
    const chosen = row === this.chosen;
    const node = el("div", { class: "segment", style: this.#span(row) }, el("button", {
      type: "button", "data-key": `${row.label} ${row.start} ${row.end}`, "aria-pressed": String(chosen), text: row.label,
      "aria-label": `${row.label}, ${exact(row.start)} to ${exact(this.#end(row))}`,
      onclick: (event) => { this.choose(row); if (event.detail) this.seek(this.#seconds(event, this.lanes, this.from, this.to)); },
      ondblclick: () => this.seek(row.start),
    }));
    if (chosen) node.append(this.#handle(row, "start"), this.#handle(row, "end"));
    return node;
  }

  #ghost(row) {
    return el("button", {
      type: "button", class: "ghost", style: this.#span(row), "aria-pressed": String(row === this.chosen), title: "proposed; c confirms",
      "aria-label": `Proposed: ${row.label}, ${exact(row.start)} to ${exact(row.end)}`, text: row.label,
      onclick: () => { this.choose(row); this.seek(row.start); },
    });
  }

  #handle(row, side) {
    const value = side === "start" ? row.start : this.#end(row);
    const node = el("span", {
      class: "handle " + side, role: "slider", tabindex: "0", "data-key": side + " of the chosen", "aria-label": `${side === "start" ? "Start" : "End"} of ${row.label}`,
      "aria-valuemin": "0", "aria-valuemax": this.length.toFixed(2), "aria-valuenow": value.toFixed(2), "aria-valuetext": exact(value),
    });
    node.addEventListener("pointerdown", (event) => this.#drag(event, node, row, side));
    node.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      this.border(row, side, value, { by, second: event.shiftKey, done: true });
    });
    return node;
  }

  #drag(event, node, row, side) {
    event.preventDefault();
    event.stopPropagation();
    node.setPointerCapture(event.pointerId);
    node.focus({ preventScroll: true });
    const from = this.from, to = this.to, box = this.lanes.getBoundingClientRect(), parent = node.parentElement;
    const other = side === "start" ? this.#end(row) : row.start;
    const place = (later) => {
      const seconds = from + Math.max(0, Math.min(1, (later.clientX - box.left) / box.width)) * (to - from);
      return side === "start" ? Math.min(seconds, other - 0.04) : Math.max(seconds, other + 0.04);
    };
    let last = null;
    this.dragging = true;
    const move = (later) => {
      last = place(later);
      const shown = side === "start" ? { start: last, end: other } : { start: other, end: last };
      for (const [name, value] of Object.entries(this.#span(shown))) parent.style.setProperty(name, value);
      this.border(row, side, last, { done: false });
    };
    const done = () => {
      node.removeEventListener("pointermove", move);
      this.dragging = false;
      if (last !== null) this.border(row, side, last, { done: true });
      else this.draw();
    };
    node.addEventListener("pointermove", move);
    node.addEventListener("pointerup", done, { once: true });
    node.addEventListener("pointercancel", () => { last = null; done(); }, { once: true });
  }

  #scrub(event, node, range) {
    if (event.button) return;
    const [from, to] = range();
    const go = (later) => this.seek(this.#seconds(later, node, from, to));
    node.setPointerCapture(event.pointerId);
    go(event);
    node.addEventListener("pointermove", go);
    const done = () => node.removeEventListener("pointermove", go);
    node.addEventListener("pointerup", done, { once: true });
    node.addEventListener("pointercancel", done, { once: true });
  }

  #seconds(event, node, from, to) {
    const box = node.getBoundingClientRect();
    return from + Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * (to - from);
  }

  #key(event) {
    const page = this.length / 10, steps = { PageDown: -page, PageUp: page };
    const to = event.key in steps ? this.at + steps[event.key] : null;
    if (to === null) return;
    event.preventDefault();
    this.seek(Math.max(0, Math.min(this.length, to)));
  }

  #end(row) { return row.end ?? this.length; }
  #x(seconds, from = this.from, to = this.to) { return (100 * (seconds - from)) / (to - from || 1) + "%"; }

  #span(row, from = this.from, to = this.to) {
    const start = Math.max(from, row.start), end = Math.min(to, this.#end(row));
    return { left: this.#x(start, from, to), width: (100 * Math.max(0, end - start)) / (to - from || 1) + "%" };
  }

  #ticks() {
    const span = this.to - this.from, step = TICKS.find((one) => span / one <= 7) || 7200, marks = [];
    for (let s = Math.ceil(this.from / step) * step; s <= this.to; s += step) {
      const share = (s - this.from) / span, text = s < 60 ? (step < 1 ? s.toFixed(1) : s) + " s" : clock(s);
      marks.push(el("span", { text, style: { left: this.#x(s), translate: share < 0.03 ? "0" : share > 0.97 ? "-100%" : "-50%" } }));
    }
    this.ticks.replaceChildren(...marks);
    this.zoomed.textContent = `${exact(this.from)} – ${exact(this.to)}`;
    this.view.style.left = this.#x(this.from, 0, this.length);
    this.view.style.width = (100 * span) / this.length + "%";
  }

  #place() {
    this.head.style.left = this.#x(this.at, 0, this.length);
    this.cursor.style.left = this.#x(this.at);
    this.overview.setAttribute("aria-valuenow", this.at.toFixed(2));
    this.overview.setAttribute("aria-valuetext", `${exact(this.at)} of ${exact(this.length)}`);
  }
}
