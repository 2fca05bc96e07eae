// What a run proposes: segments to confirm, and where to look next.
import { get } from "./api.js";
import { colour, el, one, percent } from "./dom.js";
import { exact } from "./label-timeline.js";

const LOOK = 4000, SHOWN = 6;
const key = (row) => `${row.file} ${row.label ?? ""} ${row.start} ${row.end}`;

export class Proposals {
  // go(row) opens a proposal; name(file) is a video's; came() is called when there are others.
  constructor({ go, confirm, name, came }) {
    Object.assign(this, { go, confirm, name, came, surest: [], next: [], dismissed: new Set(), seen: new Set(), ghosts: [], file: null, current: null });
    one("#proposals").hidden = false;
    this.look();
  }

  async look() {
    clearTimeout(this.timer);
    try {
      const state = await get("/api/proposals");
      Object.assign(this, { surest: state.surest, next: state.next });
      const bad = state.problems.length ? ` Nothing of ${state.problems.length}: ${state.problems[0]}.` : "";
      one("#proposed").textContent = (state.done < state.total ? `The run has looked at ${state.done} of ${state.total} videos.` : `The run has looked at all ${state.total} videos.`) + bad;
      await this.open(this.file);
      this.over = state.done >= state.total;
    } catch {}  // the server is gone; asked again
    this.timer = setTimeout(() => this.look(), this.over ? 5 * LOOK : LOOK);
  }

  async open(file) {
    this.file = file;
    if (file === null) return;
    const rows = await get("/api/proposals/" + file);
    if (this.file !== file) return;
    this.ghosts = rows.filter((row) => !this.dismissed.has(key(row)));
    this.draw();
    this.came();
  }

  // Those that are left, the surest first.
  get left() { return this.surest.filter((row) => !this.dismissed.has(key(row))); }
  get places() { return this.next.filter((row) => !this.seen.has(key(row))); }

  // The proposal that one key confirms: the one that is shown.
  take() {
    const row = this.current;
    if (row) this.dismiss(row);
    return row;
  }

  dismiss(row) {
    this.dismissed.add(key(row));
    this.ghosts = this.ghosts.filter((ghost) => key(ghost) !== key(row));
    if (this.current && key(this.current) === key(row)) this.current = null;
    this.draw();
  }

  // The next place to look at; it does not come again.
  place() {
    const row = this.places[0];
    if (row) this.seen.add(key(row));
    this.draw();
    return row;
  }

  draw() {
    const item = (row, label) => [
      el("i", { "aria-hidden": "true", style: { "--c": row.label ? colour(row.label) : "var(--soft)" } }),
      el("span", { class: "what" }, el("b", { text: label }), el("span", { class: "note num", text: `${exact(row.start)} – ${exact(row.end)} · ${this.name(row.file)}` })),
    ];
    one("#surest").replaceChildren(...this.left.slice(0, SHOWN).map((row, i) => el("li", {},
      el("button", { type: "button", class: "go", "aria-current": String(this.current !== null && key(this.current) === key(row)), onclick: () => this.go(row) }, ...item(row, `${row.label} ${percent(row.score)}`)),
      el("button", { type: "button", class: "yes", "aria-label": `Confirm ${row.label}, ${exact(row.start)}`, onclick: () => this.confirm(row), text: "✓" }, i ? null : el("kbd", { text: "c" })))));
    one("#next").replaceChildren(...this.places.slice(0, SHOWN).map((row, i) => el("li", {},
      el("button", { type: "button", class: "go", onclick: () => { this.seen.add(key(row)); this.draw(); this.go(row); } }, ...item(row, `unsure ${percent(row.unsure)}`), i ? null : el("kbd", { text: "n" })))));
    if (!this.left.length) one("#surest").append(el("li", { class: "note", text: this.over ? "All are labelled or dismissed." : "Nothing yet." }));
    if (!this.places.length) one("#next").append(el("li", { class: "note", text: this.over ? "All places were looked at." : "Nothing yet." }));
  }
}
