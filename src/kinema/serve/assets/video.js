// One video that was dropped: sent, watched, and shown with what was found in it.
import { post, Problem, sendPatiently } from "./api.js";
import { clock, el, one, percent, size } from "./dom.js";
import { Scores } from "./scores.js";
import { Timeline } from "./timeline.js";

const PATH = "/api/timeline?whole=true&moments=true";

export class VideoCard {
  constructor(file, model) {
    this.file = file;
    this.model = model;
    this.stop = new AbortController();
    this.scores = new Scores();
    this.timeline = new Timeline((seconds) => this.seek(seconds));
    this.title = el("h2", { text: file.name });
    this.status = el("p", { role: "status", text: "Waiting for its turn" });
    this.bar = el("progress", { max: "1", value: "0", "aria-label": "Progress of " + file.name });
    this.progress = el("div", { class: "progress" }, this.status, this.bar);
    this.node = el("article", { class: "video", "aria-label": file.name },
      el("header", {}, this.title, el("button", { class: "close", type: "button", "aria-label": "Remove " + file.name, text: "×", onclick: () => this.remove() })),
      this.progress);
  }

  remove() {
    this.stop.abort();
    if (this.url) URL.revokeObjectURL(this.url);
    this.node.remove();
  }

  async start() {
    if (this.stop.signal.aborted) return;
    const most = this.model.limits.upload_bytes;
    try {
      if (this.file.size > most) throw new Problem(413, `${this.file.name} has ${size(this.file.size)}, and this server takes ${size(most)}. Send a shorter or smaller one.`);
      if (!this.file.size) throw new Problem(422, this.file.name + " is empty.");
      const sent = (share) => this.tell(share < 1 ? "Sending, " + percent(share) : "Looking at it", share < 1 ? share / 2 : 0.5);
      const wait = (seconds) => this.tell("The server is busy; again in " + seconds + " s", 0);
      await sendPatiently(PATH, this.file, { line: (event) => this.take(event), sent, signal: this.stop.signal }, wait);
      this.progress.remove();
      if (this.model.offers.anomaly) await this.compare();
    } catch (problem) {
      this.progress.replaceWith(el("p", { class: "problem", role: "alert", text: problem.message }));
    }
  }

  tell(text, share) {
    if (this.status.textContent !== text) this.status.textContent = text;
    this.bar.value = share;
  }

  // A line of the answer.
  take(event) {
    if (event.answer) this.open(event.answer);
    if (event.windows) this.count = event.windows;
    if (event.window) {
      this.timeline.add(event.window);
      const done = this.timeline.windows.length;
      this.tell(`Window ${done} of ${this.count}`, 0.5 + (0.5 * done) / this.count);
      this.now();
    }
    if (event.timeline) {
      this.timeline.segments = event.timeline;
      this.timeline.draw();
      const actions = new Set(event.timeline.map((segment) => segment.label)).size, count = event.timeline.length;
      if (this.model.timeline) {
        this.big.textContent = count === 0 ? "Nothing" : actions === 1 ? event.timeline[0].label : actions + " actions";
        this.sure.textContent = count === 1 ? "in one segment" : `in ${count} segments`;
      } else if (actions > 1) this.sure.textContent += `; ${actions} different actions along it`;
      this.along.append(this.downloads(event.timeline));
    }
    if (event.moments) this.showMoments(event);
  }

  open(answer) {
    this.video = el("video", { controls: true, playsinline: true, muted: true, loop: true, "aria-label": this.file.name });
    this.video.muted = true;
    this.veil = el("div", { class: "veil", hidden: true });
    this.when = el("p", { class: "now num" });
    this.node.append(
      el("div", { class: "body" },
        el("div", { class: "screen" }, this.video, this.veil),
        el("div", { class: "answer" },
          this.big = el("p", { class: "big", text: this.model.timeline ? "…" : answer.label }),
          this.sure = el("p", { class: "sure", role: "status", text: this.model.timeline ? "Looking for segments" : percent(answer.score) + " over the whole video" }),
          this.when, this.scores.node, ...(this.model.timeline ? [] : this.mixed(answer.label)))),
      this.along = el("div", { class: "along" },
        el("div", { class: "head" }, el("h3", { text: "Along the video" }), this.timeline.legend),
        this.timeline.node, this.timeline.ticks));
    this.scores.show(answer.top);
    this.play();
  }

  // The segments as files of other programs.
  downloads(segments) {
    const save = async (form) => {
      const text = await post("/api/segments?form=" + form, { video: this.file.name, timeline: segments.map(({ start, end, label, score }) => ({ start, end, label, score })) }, "blob");
      const link = el("a", { href: URL.createObjectURL(text), download: this.file.name.replace(/\.[^.]*$/, "") + "." + form });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    };
    return el("p", { class: "downloads" }, "Segments as", ...Object.entries({ json: "JSON", csv: "CSV", srt: "subtitles (SRT)", eaf: "ELAN" }).map(([form, name]) => el("button", { type: "button", text: name, onclick: () => save(form).catch((problem) => { this.sure.textContent = problem.message; }) })));
  }

  // How unlike the normal videos each moment is, on the same axis.
  async compare() {
    const answer = await sendPatiently("/api/anomaly?timeline=true", this.file, { signal: this.stop.signal }, () => {});
    this.timeline.anomalies = JSON.parse(answer)[0].timeline;
    this.timeline.draw();
  }

  // What the model is known to take for this answer, and this for.
  mixed(label) {
    const known = this.model.confusions.filter((pair) => pair.called === label || pair.label === label);
    return known.slice(0, 2).map((pair) => el("p", { class: "mixed", text: pair.called === label
      ? `Careful: in its own test, ${pair.count} of ${pair.total} videos of ${pair.label} were called ${label}.`
      : `In its own test, ${pair.count} of ${pair.total} videos of ${label} were called ${pair.called}.` }));
  }

  play() {
    this.url = URL.createObjectURL(this.file);
    this.video.src = this.url;
    this.video.addEventListener("loadedmetadata", () => {
      if (!this.video.videoWidth) return;
      one(".screen", this.node).style.aspectRatio = Math.max(0.8, Math.min(2.4, this.video.videoWidth / this.video.videoHeight));
      if (Number.isFinite(this.video.duration)) this.timeline.duration = this.video.duration;
      this.timeline.draw();
    });
    this.video.addEventListener("error", () => this.convert(), { once: true });
    for (const event of ["timeupdate", "seeking", "seeked"]) this.video.addEventListener(event, () => this.now());
    this.video.addEventListener("playing", () => this.follow());
  }

  // Browsers play few formats: the server makes one of those.
  async convert() {
    this.veil.hidden = false;
    this.veil.textContent = "This browser does not play " + this.file.name.split(".").pop().toUpperCase() + "; the server is converting it …";
    try {
      const preview = await sendPatiently("/api/preview", this.file, { type: "blob", signal: this.stop.signal }, () => {});
      URL.revokeObjectURL(this.url);
      this.url = URL.createObjectURL(preview);
      this.video.src = this.url;
      this.veil.hidden = true;
    } catch (problem) {
      this.veil.textContent = "This browser cannot play it. The timeline and the film strips work.";
    }
  }

  follow() {
    this.now();
    if (!this.video.paused) requestAnimationFrame(() => this.follow());
  }

  seek(seconds) {
    if (this.video.readyState) this.video.currentTime = Math.min(seconds, (this.video.duration || seconds) - 0.01);
    this.now(seconds);
  }

  now(seconds = this.video.currentTime) {
    const window = this.timeline.window(seconds);
    this.timeline.move(seconds);
    if (!window) return;
    this.when.textContent = "At " + clock(seconds);
    this.scores.show(window.top);
    for (const [row, button] of [...this.node.querySelectorAll(".moments button")].entries()) {
      const { start, end } = this.found[row];
      button.setAttribute("aria-current", String(start <= seconds && seconds < end));
    }
  }

  showMoments({ moments, strip }) {
    this.found = moments;
    const image = `url(data:image/jpeg;base64,${strip.jpeg})`, ratio = strip.width / strip.columns / strip.height;
    this.along.append(el("h3", { text: "The moments that decided", style: { "margin-top": "22px" } }), el("ol", { class: "moments" }, ...moments.map((moment) => {
      const frames = moment.frames.map((at) => el("i", { style: { "background-image": image, "--columns": strip.columns, "--at": at, "--shape": ratio } }));
      return el("li", {}, el("button", { type: "button", onclick: () => this.seek(moment.start), "aria-label": `${moment.label}, ${percent(moment.score)}, go to ${clock(moment.start)}` },
        el("div", { class: "film", "aria-hidden": "true" }, ...frames),
        el("div", { class: "said" }, el("b", { text: moment.label }), el("span", { class: "num", text: `${percent(moment.score)} · ${clock(moment.start)} – ${clock(moment.end)}` }))));
    })));
    this.now();
  }
}
