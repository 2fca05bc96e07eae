// Scores along a video: curves, a band of segments, and a playhead that the pointer and the keyboard move.
import { clock, colour, el, percent, shape } from "./dom.js";

const HEIGHT = 100, LANE = 30;

// Segments that overlap lie below each other: the first lane that is free.
function lanesOf(segments) {
  const ends = [];
  return segments.map(({ start, end }) => {
    const free = ends.findIndex((one) => one <= start + 1e-6), lane = free < 0 ? ends.length : free;
    ends[lane] = end;
    return lane;
  });
}

export class Timeline {
  // seek(seconds) is called where the reader goes.
  constructor(seek) {
    this.seek = seek;
    this.windows = [];
    this.segments = [];
    this.anomalies = [];
    this.duration = 0;
    this.svg = shape("svg", { viewBox: "0 0 1000 " + HEIGHT, preserveAspectRatio: "none", "aria-hidden": "true" });
    this.band = el("div", { class: "band", "aria-hidden": "true" });
    this.head = el("div", { class: "playhead", "aria-hidden": "true" });
    this.node = el("div", {
      class: "timeline", role: "slider", tabindex: "0", "aria-label": "Place in the video", "aria-valuemin": "0",
      "aria-valuemax": "0", "aria-valuenow": "0",
    }, this.svg, this.band, this.head);
    this.node.addEventListener("pointerdown", (event) => this.#drag(event));
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.legend = el("ul", { class: "legend", "aria-hidden": "true" });
    this.ticks = el("div", { class: "ticks num", "aria-hidden": "true" });
    this.at = 0;
  }

  // The last moment that is known; the video itself may say more exactly.
  get end() { return Math.max(this.duration, this.windows.at(-1)?.end || 0); }

  add(window) {
    this.windows.push(window);
    this.draw();
  }

  draw() {
    const labels = this.best(3), x = (seconds) => (1000 * seconds) / (this.end || 1);
    this.svg.replaceChildren();
    for (const label of [...labels].reverse()) {
      const points = this.windows.map((w) => [(w.start + w.end) / 2, w.top.find((t) => t.label === label)?.score || 0]);
      if (!points.length) continue;
      points.unshift([0, points[0][1]]);
      points.push([this.windows.at(-1).end, points.at(-1)[1]]);
      const text = points.map(([s, y]) => x(s).toFixed(1) + "," + (HEIGHT - 4 - (HEIGHT - 8) * y).toFixed(1)).join(" ");
      const line = shape("polyline", { points: text });
      const area = shape("polygon", { points: "0," + HEIGHT + " " + text + " " + x(points.at(-1)[0]).toFixed(1) + "," + HEIGHT });
      for (const one of [area, line]) { one.style.setProperty("--c", colour(label)); this.svg.append(one); }
    }
    this.#anomalies(x);
    const lanes = lanesOf(this.segments);
    this.band.style.height = Math.max(1, ...lanes.map((lane) => lane + 1)) * LANE + "px";
    this.band.replaceChildren(...this.segments.map((s, i) => el("span", {
      text: s.label, style: { "--c": colour(s.label), left: x(s.start) / 10 + "%", width: x(s.end - s.start) / 10 + "%", top: lanes[i] * LANE + 1 + "px" },
    })));
    const unlike = this.anomalies.length ? [el("li", {}, el("i", { class: "unlike" }), "unlike normal, and the threshold")] : [];
    this.legend.replaceChildren(...labels.map((label) => el("li", {}, el("i", { style: { "--c": colour(label) } }), label)), ...unlike);
    this.ticks.replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((share) => el("span", { text: clock(share * this.end) })));
    this.move(this.at);
  }

  // Errors of a detector on the same axis; its threshold is in the middle of the height.
  #anomalies(x) {
    if (!this.anomalies.length) return;
    const y = (error, threshold) => (HEIGHT - 4 - (HEIGHT - 8) * Math.min(1, error / (2 * threshold || 1))).toFixed(1);
    const points = this.anomalies.map((a) => x((a.start + a.end) / 2).toFixed(1) + "," + y(a.error, a.threshold)).join(" ");
    this.svg.append(shape("line", { class: "threshold", x1: 0, x2: 1000, y1: y(1, 1), y2: y(1, 1) }), shape("polyline", { class: "unlike", points }));
  }

  // The classes with the highest means over the windows.
  best(count) {
    const sums = new Map();
    for (const w of this.windows) for (const t of w.top) sums.set(t.label, (sums.get(t.label) || 0) + t.score);
    return [...sums].sort((a, b) => b[1] - a[1]).slice(0, count).map(([label]) => label);
  }

  // The window whose middle is nearest.
  window(seconds) {
    const away = (w) => Math.abs((w.start + w.end) / 2 - seconds);
    return this.windows.reduce((best, w) => (best === null || away(w) < away(best) ? w : best), null);
  }

  move(seconds) {
    this.at = Math.min(seconds, this.end);
    const w = this.window(seconds), said = w ? ", " + w.label + " " + percent(w.score) : "";
    this.head.style.left = (100 * this.at) / (this.end || 1) + "%";
    this.node.setAttribute("aria-valuemax", this.end.toFixed(2));
    this.node.setAttribute("aria-valuenow", this.at.toFixed(2));
    this.node.setAttribute("aria-valuetext", clock(this.at) + " of " + clock(this.end) + said);
  }

  #to(event) {
    const box = this.node.getBoundingClientRect();
    this.seek(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.end);
  }

  #drag(event) {
    this.node.setPointerCapture(event.pointerId);
    this.#to(event);
    const move = (later) => this.#to(later);
    this.node.addEventListener("pointermove", move);
    const done = () => this.node.removeEventListener("pointermove", move);
    this.node.addEventListener("pointerup", done, { once: true });
    this.node.addEventListener("pointercancel", done, { once: true });
  }

  #key(event) {
    const page = Math.max(1, this.end / 10);
    const steps = { ArrowLeft: -0.5, ArrowDown: -0.5, ArrowRight: 0.5, ArrowUp: 0.5, PageDown: -page, PageUp: page };
    const to = event.key === "Home" ? 0 : event.key === "End" ? this.end : event.key in steps ? this.at + steps[event.key] : null;
    if (to === null) return;
    event.preventDefault();
    this.seek(Math.max(0, Math.min(this.end, to)));
  }
}
