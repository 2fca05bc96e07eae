// A video that is played by the browser, or, where it cannot, frame by frame by the server: one interface for both.
// Seconds count from the file's first frame.
import { el } from "./dom.js";

const LINES = 540;

class Player {
  // moved() is called when what is shown is of another moment.
  constructor(base, shape, moved) {
    Object.assign(this, { base, shape, moved, at: 0, rate: 1, until: Infinity, frames: [] });
  }

  get end() { return this.shape.seconds; }
  bounded(seconds) { return Math.max(0, Math.min(this.end - 0.001, seconds)); }

  // Plays the stretch and stops behind it.
  stretch(start, end) {
    this.seek(start);
    this.until = end;
    this.play();
  }

  toggle() {
    this.until = Infinity;
    if (this.paused) this.play();
    else this.pause();
  }

  // The frame before or after, by the file's own times: frames need not be equally long.
  async step(by) {
    this.pause();
    const asked = (this.stepping = {}), from = this.at;
    if (!(this.frames[0] <= Math.max(0, from - 0.2) && this.frames.at(-1) > from + 0.2)) {
      const answer = await fetch(`${this.base}/times?start=${Math.max(0, from - 1)}&end=${from + 1}`);
      if (!answer.ok || asked !== this.stepping) return;
      this.frames = (await answer.json()).seconds;
    }
    const before = this.frames.filter((s) => s < from - 0.0005), after = this.frames.filter((s) => s > from + 0.0005);
    const on = this.frames.filter((s) => s <= from + 0.0005).at(-1) ?? 0;
    const to = by > 0 ? after[0] : before.filter((s) => s < on - 0.0005 || on < from - 0.0005).at(-1);
    this.seek(to ?? (by > 0 ? from : 0));
  }

  follow() {
    if (this.closed || this.paused) return;
    if (this.at >= this.until) { this.pause(); this.until = Infinity; }
    this.moved();
    requestAnimationFrame(() => this.follow());
  }
}

export class VideoPlayer extends Player {
  // failed() is called where the browser does not play it.
  constructor(base, shape, moved, failed) {
    super(base, shape, moved);
    this.node = el("video", { src: base + "/file", playsinline: true, preload: "auto", "aria-label": "Video" });
    this.node.addEventListener("error", () => { if (!this.closed) failed(); }, { once: true });
    this.node.addEventListener("loadedmetadata", () => { if (!this.node.videoWidth && !this.closed) failed(); else if (this.at) this.seek(this.at); });
    this.node.addEventListener("playing", () => this.follow());
    this.node.addEventListener("pause", () => this.moved());
    this.node.addEventListener("ended", () => { this.at = this.bounded(this.end); this.moved(); });
  }

  get paused() { return this.node.paused; }
  play() { this.node.playbackRate = this.rate; this.node.play().catch(() => {}); }

  pause() {
    if (this.paused) return;
    this.node.pause();
    this.#read();
  }

  // A little behind its start, so that rounding does not show the frame before.
  seek(seconds) {
    this.at = this.bounded(seconds);
    this.node.currentTime = this.at + this.shape.first_seconds + 0.001;
    this.moved();
  }

  follow() { this.#read(); super.follow(); }
  speed(rate) { this.rate = this.node.playbackRate = rate; }
  close() { this.closed = true; this.node.removeAttribute("src"); this.node.load(); this.node.remove(); }
  #read() { this.at = this.bounded(this.node.currentTime - this.shape.first_seconds); }
}

export class FramePlayer extends Player {
  // problem(text) is called where a frame cannot be had.
  constructor(base, shape, moved, problem) {
    super(base, shape, moved);
    this.problem = problem;
    this.paused = true;
    this.node = el("img", { alt: "Frame of the video" });
    this.#show();
  }

  play() {
    if (!this.paused) return;
    this.paused = false;
    this.#begin();
    this.follow();
  }

  pause() {
    if (this.paused) return;
    this.paused = true;
    this.moved();
    this.#show();
  }

  seek(seconds) {
    this.at = this.bounded(seconds);
    this.#begin();
    this.moved();
    this.#show();
  }

  speed(rate) { this.rate = rate; this.#begin(); }
  close() { this.closed = true; this.node.remove(); }

  follow() {
    if (!this.paused) {
      const now = this.from + (this.rate * (performance.now() - this.since)) / 1000;
      this.at = this.bounded(now);
      if (now >= this.end) this.pause();
      this.#show();
    }
    super.follow();
  }

  #begin() { this.from = this.at; this.since = performance.now(); }

  // One frame is on its way at a time; when it has come, the one that is wanted by then is asked for.
  async #show() {
    this.wanted = this.at;
    if (this.asking) return;
    this.asking = true;
    while (this.wanted !== null && !this.closed) {
      const at = this.wanted;
      this.wanted = null;
      try {
        const answer = await fetch(`${this.base}/frame?at=${at.toFixed(4)}&lines=${LINES}`);
        if (!answer.ok) { this.problem((await answer.json()).error); break; }
        const url = URL.createObjectURL(await answer.blob());
        await new Promise((resolve) => { this.node.onload = this.node.onerror = resolve; this.node.src = url; });
        URL.revokeObjectURL(url);
      } catch { break; }  // the server is gone; the next move asks again
    }
    this.asking = false;
  }
}
