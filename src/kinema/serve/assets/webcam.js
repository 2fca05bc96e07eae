// The webcam: its frames as JPEG over a WebSocket, one on the way at a time, and what comes back.
import { token } from "./api.js";
import { el, one, percent } from "./dom.js";
import { Scores } from "./scores.js";

const WIDTH = 320, QUALITY = 0.8;

export class WebcamCard {
  constructor(model, closed) {
    this.model = model;
    this.closed = closed;
    this.scores = new Scores();
    this.video = el("video", { playsinline: true, muted: true, autoplay: true, "aria-label": "Your webcam" });
    this.video.muted = true;
    this.label = el("p", { class: "big", text: "…" });
    this.sure = el("p", { class: "sure", role: "status", text: "Asking for the webcam" });
    this.facts = el("p", { class: "note num facts" });
    this.node = el("article", { class: "video webcam", "aria-label": "Webcam" },
      el("header", {}, el("h2", { text: "Webcam" }), el("button", { class: "close", type: "button", "aria-label": "Stop the webcam", text: "×", onclick: () => this.end() })),
      el("div", { class: "body" },
        el("div", { class: "screen" }, this.video),
        el("div", { class: "answer" }, this.label, this.sure, this.scores.node, this.facts)));
  }

  async start() {
    try {
      this.media = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } }, audio: false });
    } catch (error) {
      return this.fail("The webcam cannot be used (" + error.message + "). Allow it in the browser's settings; over the network it needs HTTPS.");
    }
    this.video.srcObject = this.media;
    await this.video.play();
    this.socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/api/live");
    this.socket.binaryType = "arraybuffer";
    this.socket.addEventListener("open", () => this.socket.send(JSON.stringify({ token: token.get() })));
    this.socket.addEventListener("message", (event) => this.take(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => { if (!this.over) this.fail(event.reason || "The server closed the connection. Try again."); });
  }

  take(event) {
    if (event.error) return this.fail(event.error);
    if (event.ready) {
      this.sure.textContent = event.ready;
      this.next();
    }
    if (event.decision) this.show(event.decision);
    if (event.taken !== undefined) {
      this.since ||= this.sentAt;
      const rate = event.taken > 1 ? (1000 * (event.taken - 1)) / (this.sentAt - this.since) : 0;
      this.facts.textContent = `${event.taken} frames, ${Math.round(rate)} a second, answered in ${Math.round(performance.now() - this.sentAt)} ms`;
      this.next();
    }
  }

  // The next frame goes when the last one was taken: a slow server sees fewer frames, never old ones.
  next() {
    if (this.over) return;
    const grab = this.video.requestVideoFrameCallback ? (work) => this.video.requestVideoFrameCallback(work) : (work) => setTimeout(work, 40);
    grab(() => {
      const canvas = (this.canvas ||= el("canvas"));
      canvas.width = WIDTH;
      canvas.height = Math.round((WIDTH * this.video.videoHeight) / this.video.videoWidth) || 240;
      canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
      canvas.toBlob(async (blob) => {
        if (this.over || this.socket.readyState !== WebSocket.OPEN) return;
        const data = await blob.arrayBuffer(), message = new Uint8Array(8 + data.byteLength);
        this.sentAt = performance.now();
        new DataView(message.buffer).setFloat64(0, this.sentAt / 1000);
        message.set(new Uint8Array(data), 8);
        this.socket.send(message);
      }, "image/jpeg", QUALITY);
    });
  }

  show(decision) {
    this.label.textContent = decision.label === null ? (this.model.timeline ? "nothing" : "unknown") : decision.label;
    this.sure.textContent = percent(decision.score) + " sure";
    this.scores.show(decision.top);
  }

  fail(text) {
    this.end(false);
    one(".answer", this.node).replaceChildren(el("p", { class: "problem", role: "alert", text }));
  }

  end(remove = true) {
    if (!this.over) this.closed();
    this.over = true;
    this.socket?.close();
    for (const track of this.media?.getTracks() || []) track.stop();
    if (remove) this.node.remove();
  }
}
