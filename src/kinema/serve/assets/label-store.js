// The labels: what the server has, and changes on their way to it. A change is shown at once, is sent in order, and
// is sent again until it is saved; what the server refuses is taken back and told.
import { get, post } from "./api.js";

const AGAIN = 1000, LOOK = 3000;

export const same = (a, b) => a.label === b.label && a.start === b.start && a.end === b.end;
const plain = ({ label, start, end }) => ({ label, start, end });

export class Store {
  // changed() is called when rows are others; told(kind, text, state) with what people must know.
  constructor({ changed, told }) {
    Object.assign(this, { changed, told, rows: [], version: "", queue: [], undone: [], done: [], outside: 0, warnings: [] });
    this.gone = false;
    window.addEventListener("beforeunload", (event) => { if (this.queue.length) event.preventDefault(); });
    setInterval(() => this.look(), LOOK);
  }

  own(file) { return this.rows.filter((row) => row.file === file && row.mine && row.label !== null); }
  others(file) { return this.rows.filter((row) => row.file === file && !row.mine && row.label !== null); }
  nothing(file) { return this.rows.find((row) => row.file === file && row.mine && row.label === null); }
  touched(file) { return this.rows.some((row) => row.file === file && row.mine); }

  // The file on the disk may have been changed by another program.
  async look() {
    if (this.queue.length || document.hidden) return;
    try {
      const state = await get("/api/labels?version=" + this.version);
      if (!this.queue.length) this.take(state);
    } catch (problem) {
      if (problem.status) this.told("disk", problem.message);
    }
  }

  take(state) {
    if (state.rows) {
      const news = state.outside && state.outside.number > this.outside;
      Object.assign(this, { rows: state.rows, version: state.version, warnings: state.warnings, outside: state.outside?.number || 0 });
      if (news) this.told("outside", "", state.outside);
      this.changed();
    }
    this.told("disk", "");
  }

  edit(file, remove, add) {
    const change = { file, remove: remove.map(plain), add: add.map(plain) };
    this.done.push(change);
    this.undone = [];
    this.#send(change);
  }

  undo() { this.#turn(this.done, this.undone, (c) => ({ file: c.file, remove: c.add, add: c.remove })); }
  redo() { this.#turn(this.undone, this.done, (c) => c); }

  #turn(from, to, made) {
    const change = from.pop();
    if (!change) return null;
    to.push(change);
    this.#send(made(change));
    return change;
  }

  #send(change) {
    this.#apply(change);
    this.queue.push(change);
    this.changed();
    if (this.queue.length === 1) this.#flush();
  }

  #apply({ file, remove, add }) {
    for (const gone of remove) {
      const at = this.rows.findIndex((row) => row.file === file && row.mine && same(row, gone));
      if (at >= 0) this.rows.splice(at, 1);
    }
    for (const row of add) this.rows.push({ ...row, file, mine: true, annotator: "" });
  }

  async #flush() {
    while (this.queue.length) {
      try {
        const state = await post("/api/edit", this.queue[0]);
        const change = this.queue.shift();
        this.gone = false;
        if (this.queue.length) this.version = state.version;
        else this.take(state);
        this.told("saved", "", change);
      } catch (problem) {
        if (problem.status) await this.#refused(problem);
        else {  // no answer: the server is gone, and may come back
          this.gone = true;
          this.told("gone", `The server is gone. ${this.queue.length === 1 ? "One change is" : this.queue.length + " changes are"} kept here and saved when it is back: start it again, and leave this page open.`);
          await new Promise((resolve) => setTimeout(resolve, AGAIN));
        }
      }
    }
  }

  async #refused(problem) {
    const change = this.queue.shift();
    for (const list of [this.done, this.undone]) if (list.includes(change)) list.splice(list.indexOf(change), 1);
    this.queue = [];
    await get("/api/labels").then((state) => this.take(state), () => {});
    this.told("problem", "Not saved: " + problem.message);
  }
}
