// The page to mark segments: which video is open, what a key does, what is shown.
import { get } from "./api.js";
import { clock, colour, el, one } from "./dom.js";
import { FramePlayer, VideoPlayer } from "./label-player.js";
import { Proposals } from "./label-proposals.js";
import { Store, same } from "./label-store.js";
import { LabelTimeline, exact } from "./label-timeline.js";

const round = (seconds) => Math.round(1000 * seconds) / 1000;
const proposed = (row) => row !== null && "score" in row;
const mine = (row) => row !== null && !proposed(row);
let project, store, timeline, player = null, proposals = null;
let file = null, shape = null, chosen = null, mark = null, current = null, classes = [];

async function load() {
  project = await get("/api/project");
  document.title = project.labels + " · Kinema label";
  store = new Store({ changed, told });
  timeline = new LabelTimeline(one("#timeline"), { seek: (s) => player?.seek(s), choose, border });
  remember(project.classes);
  store.take(await get("/api/labels"));
  if (project.proposes) proposals = new Proposals({ go, confirm, name: (number) => project.videos[number], came: changed });
  const first = project.videos.findIndex((_, number) => !store.touched(number));
  await open(Math.max(0, first));
  if (matchMedia("(max-width: 900px)").matches) one("#files").open = false;
}

// Classes keep the order in which they were met, and with it their number keys.
function remember(labels) {
  for (const label of labels) if (!classes.includes(label)) classes.push(label);
}

async function open(number) {
  if (number === file) return true;
  player?.close();
  [file, shape, chosen, mark, player] = [number, null, null, null, null];
  one("#title").textContent = project.videos[number];
  one("#screen").replaceChildren(el("p", { class: "veil", text: "Opening …" }));
  changed();
  try {
    const found = await get("/api/videos/" + number);
    if (file !== number) return false;
    shape = found;
  } catch (problem) {
    if (file === number) one("#screen").replaceChildren(el("p", { class: "veil", role: "alert", text: problem.message }));
    return false;
  }
  one("#screen").style.aspectRatio = Math.max(0.7, Math.min(2.4, shape.width / shape.height));
  timeline.open(shape.seconds);
  show(new VideoPlayer("/api/videos/" + number, shape, moved, byFrames));
  proposals?.open(number).catch(() => {});
  changed();
  return true;
}

function show(made) {
  player = made;
  player.speed(Number(one("#speed").value));
  one("#screen").replaceChildren(player.node);
  moved();
}

// The browser does not play it: the server shows it frame by frame.
function byFrames() {
  const at = player.at;
  player.close();
  show(new FramePlayer("/api/videos/" + file, shape, moved, (text) => told("problem", text)));
  player.seek(at);
}

function moved() {
  if (!player || !shape) return;
  one("#clock").textContent = `${exact(player.at)} / ${exact(shape.seconds)}`;
  timeline.move(player.at);
  const button = one('[data-do="play"]');
  button.classList.toggle("playing", !player.paused);
  button.setAttribute("aria-label", player.paused ? "Play" : "Pause");
}

// Everything that follows from the labels, the open video and what is chosen.
function changed() {
  remember(store.rows.filter((row) => row.label !== null).map((row) => row.label));
  const rows = file === null ? [] : store.own(file), ghosts = proposals?.ghosts || [];
  if (chosen) chosen = [...rows, ...ghosts].find((row) => same(row, chosen)) || null;
  drawFiles();
  drawClasses();
  drawSegments(rows);
  if (shape) timeline.set({ rows, ghosts, others: store.others(file), chosen, mark, labels: classes });
  const state = { undo: store.done.length, redo: store.undone.length, delete: mine(chosen) };
  for (const [name, on] of Object.entries(state)) one(`[data-do="${name}"]`).disabled = !on;
  one('[data-do="nothing"]').setAttribute("aria-pressed", String(file !== null && Boolean(store.nothing(file))));
  one('[data-do="in"]').classList.toggle("on", mark !== null);
  saved();
}

function saved() {
  const who = project.annotator ? ` as ${project.annotator}` : "";
  one("#saved").textContent = store.gone ? "Not saved yet" : store.queue.length ? "Saving …" : `All saved in ${project.labels}${who}`;
  one("#saved").classList.toggle("waiting", store.gone);
}

function drawFiles() {
  const touched = project.videos.filter((_, number) => store.touched(number)).length;
  one("#progress").textContent = `${touched} of ${project.videos.length} labelled`;
  const list = one("#list");
  if (list.children.length !== project.videos.length) {
    list.replaceChildren(...project.videos.map((name, number) => el("li", {}, el("button", { type: "button", onclick: () => open(number) }, el("span", { class: "name", text: name }), el("span", { class: "state num" })))));
  }
  project.videos.forEach((_, number) => {
    const button = list.children[number].firstChild, own = store.own(number), state = button.lastChild;
    button.setAttribute("aria-current", String(number === file));
    const text = own.length ? String(own.length) : store.nothing(number) ? "nothing" : "";
    if (state.textContent !== text) state.textContent = text;
    state.title = own.length ? `${own.length} segments, ${clock(own.reduce((sum, row) => sum + (row.end ?? row.start) - row.start, 0))} in all` : "";
  });
}

function drawClasses() {
  one("#classes").replaceChildren(...classes.map((label, i) => el("button", {
    type: "button", style: { "--c": colour(label) }, "aria-pressed": String(label === (chosen?.label ?? current)), onclick: () => classed(label),
  }, el("i", { "aria-hidden": "true" }), label, i < 10 ? el("kbd", { text: String((i + 1) % 10) }) : null)),
  el("button", { type: "button", class: "add", onclick: askClass }, "+ Class", el("kbd", { text: "a" })));
}

function drawSegments(rows) {
  const sorted = [...rows].sort((a, b) => a.start - b.start || a.label.localeCompare(b.label));
  one("#none").textContent = sorted.length || file === null ? "" : store.nothing(file) ? "Marked: nothing in this file." : "None yet. Time that nobody marks is background.";
  one("#segments").replaceChildren(...(sorted.length ? [el("thead", {}, el("tr", {}, ...["Class", "Start", "End", ""].map((text) => el("th", { scope: "col", text }))))] : []), el("tbody", {}, ...sorted.map(segmentRow)));
}

function segmentRow(row) {
  const field = (side) => el("input", {
    inputmode: "decimal", class: "num", "aria-label": `${side === "start" ? "Start" : "End"} of ${row.label} in seconds`, value: (side === "start" ? row.start : row.end ?? shape?.seconds ?? 0).toFixed(2),
    onchange: (event) => { const value = Number(event.target.value.replace(",", ".")); if (event.target.value.trim() && Number.isFinite(value)) border(row, side, value, { done: true }); else changed(); },
  });
  const short = row.end !== null && row.end - row.start < project.step_seconds;
  return el("tr", { "aria-selected": String(row === chosen), onclick: (event) => { if (event.target.closest("button, input")) return; choose(row); player?.seek(row.start); } },
    el("td", {}, el("button", { type: "button", class: "pick", style: { "--c": colour(row.label) }, onclick: () => { choose(row); player?.seek(row.start); } }, el("i", { "aria-hidden": "true" }), row.label),
      short ? el("span", { class: "note", text: ` shorter than a step (${project.step_seconds.toFixed(3)} s): learned at the nearest one` }) : null,
      shape && row.start >= shape.seconds ? el("span", { class: "note", text: " outside the file" }) : null),
    el("td", {}, field("start")), el("td", {}, field("end")),
    el("td", {}, el("button", { type: "button", class: "drop", "aria-label": `Delete ${row.label}, ${exact(row.start)}`, text: "×", onclick: () => remove(row) })));
}

function told(kind, text, state) {
  const box = (id, ...children) => {
    one("#" + id)?.remove();
    if (children.length) one("#told").append(el("div", { class: "problem", id, role: kind === "outside" ? "status" : "alert" }, ...children));
  };
  if (kind === "saved") box("gone");
  if (kind === "gone") box("gone", text);
  if (kind === "problem" || kind === "disk") { if (text !== (one("#" + kind)?.firstChild.textContent ?? "")) box(kind, ...(text ? [el("span", { text }), close(kind)] : [])); }
  // Of several people at work on one file each sees the rows of the others appear, without a word.
  if (kind === "outside" && (state.lost.length || !project.annotator)) box("outside", ...outside(state));
  saved();
}

const close = (id) => el("button", { type: "button", class: "close", "aria-label": "Close", text: "×", onclick: () => one("#" + id).remove() });

// Another program changed the labels meanwhile: what is there counts, and nothing is lost.
function outside({ gained, lost, kept }) {
  const count = (n) => (n === 1 ? "1 row" : n + " rows");
  const text = `Another program changed ${project.labels}: ${count(gained)} new, ${count(lost.length)} gone. ` + (kept ? `The file as it was is kept as ${kept}. ` : "");
  const back = () => {
    const files = new Map();
    for (const row of lost.filter((one) => one.mine)) files.set(row.file, [...(files.get(row.file) || []), row]);
    for (const [number, rows] of files) store.edit(number, [], rows);
    one("#outside").remove();
  };
  return [el("span", { text }), ...(lost.some((row) => row.mine) ? [el("button", { type: "button", class: "button small", text: "Put back what is gone", onclick: back })] : []), close("outside")];
}

function choose(row) {
  chosen = row;
  if (mine(row)) current = row.label;
  if (proposals) proposals.current = proposed(row) ? row : null;
  changed();
}

function put(label, start, end) {
  [start, end] = [Math.max(0, Math.min(start, end)), Math.min(shape.seconds, Math.max(start, end))].map(round);
  if (end <= start) return told("problem", "A segment ends after it starts: go on a little before you press o.");
  const row = { label, start, end }, nothing = store.nothing(file);
  mark = null;
  current = label;
  chosen = row;
  if (store.own(file).some((own) => same(own, row))) return changed();
  store.edit(file, nothing ? [nothing] : [], [row]);
}

function replace(row, made) {
  const next = { label: row.label, start: row.start, end: row.end, ...made };
  if (same(next, row)) return changed();
  chosen = next;
  store.edit(file, [row], [next]);
}

function remove(row) {
  chosen = null;
  store.edit(file, [row], []);
}

// A border goes to `value`, or by a frame or a second from it. Until it is done the frame at it is shown.
function border(row, side, value, { by = 0, second = false, done }) {
  const step = second ? 1 : 1 / shape.fps, other = side === "start" ? row.end ?? shape.seconds : row.start;
  let to = round(Math.max(0, Math.min(shape.seconds, value + by * step)));
  if (done && (side === "start" ? to >= other : to <= other)) {
    told("problem", "A segment ends after it starts.");
    return changed();
  }
  player?.pause();
  player?.seek(side === "start" ? to : Math.max(0, to - 0.5 / shape.fps));
  if (done) replace(row, { [side]: to });
}

function classed(label) {
  current = label;
  if (mark !== null && player.at > mark) return put(label, mark, player.at);
  if (mine(chosen)) return replace(chosen, { label });
  changed();
}

function askClass() {
  const dialog = one("#class-dialog"), input = one("#class-name");
  player?.pause();
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  dialog.addEventListener("close", () => {
    const label = input.value.trim().normalize("NFC");
    if (dialog.returnValue !== "ok" || !label) return;
    remember([label]);
    classed(label);
  }, { once: true });
}

function go(row) {
  return open(row.file).then((opened) => {
    if (!opened || !player) return;
    if (row.label) { chosen = row; if (proposals) proposals.current = row; }
    timeline.show(Math.max(0, row.start - 5), Math.max(row.end + 5, row.start + 20));
    player.stretch(row.start, row.end);
    changed();
  });
}

// Confirms the proposal and goes on to the next.
function confirm(given) {
  if (!proposals) return;
  const row = given || proposals.take();
  if (!row) return following();
  if (given) proposals.dismiss(row);
  const nothing = store.nothing(row.file);
  store.edit(row.file, nothing ? [nothing] : [], [{ label: row.label, start: row.start, end: row.end }]);
  current = row.label;
  following();
}

function dismiss() {
  if (!proposals) return;
  proposals.take();
  following();
}

function following() {
  const next = proposals.left[0];
  chosen = null;
  if (next) go(next);
  else changed();
}

function next() {
  const place = proposals?.place();
  if (place) return go(place);
  const count = project.videos.length, order = Array.from({ length: count }, (_, i) => (file + 1 + i) % count);
  const to = order.find((number) => !store.touched(number)) ?? order[0];
  return open(to);
}

function again(change) {
  if (!change) return;
  chosen = null;
  if (change.file !== file) open(change.file);
  changed();
}

const actions = {
  play: () => player.toggle(),
  "frame-back": () => player.step(-1),
  "frame-on": () => player.step(1),
  "second-back": () => player.seek(player.at - 1),
  "second-on": () => player.seek(player.at + 1),
  start: () => player.seek(0),
  end: () => player.seek(shape.seconds),
  in: () => { mark = round(player.at); chosen = null; changed(); },
  out: () => { if (mark === null) return told("problem", "Press i first, where it starts."); if (current === null) return classes.length ? told("problem", "Now its class: press its number.") : askClass(); put(current, mark, player.at); },
  delete: () => { if (mine(chosen)) remove(chosen); },
  undo: () => again(store.undo()),
  redo: () => again(store.redo()),
  nothing: () => { const row = store.nothing(file); if (row) store.edit(file, [row], []); else if (store.own(file).length) told("problem", "This file has segments; delete them first if there is nothing in it."); else store.edit(file, [], [{ label: null, start: 0, end: null }]); },
  "here-start": () => { if (mine(chosen)) border(chosen, "start", player.at, { done: true }); },
  "here-end": () => { if (mine(chosen)) border(chosen, "end", player.at, { done: true }); },
  next,
  confirm: () => confirm(),
  dismiss,
  class: askClass,
  "zoom-in": () => timeline.zoom(0.5),
  "zoom-out": () => timeline.zoom(2),
  none: () => { mark = null; choose(null); },
};
const KEYS = { " ": "play", i: "in", o: "out", u: "undo", r: "redo", e: "nothing", n: "next", c: "confirm", x: "dismiss", a: "class", "[": "here-start", "]": "here-end", Delete: "delete", Backspace: "delete", "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", Home: "start", End: "end", Escape: "none" };

function act(name) {
  const needsVideo = !["undo", "redo", "next", "class", "nothing"].includes(name);
  if (needsVideo && (!player || !shape)) return;
  told("problem", "");
  actions[name]();
}

document.addEventListener("keydown", (event) => {
  const field = event.target.closest("input, select, textarea, dialog");
  if (field || event.altKey || event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") { event.preventDefault(); return act(event.shiftKey ? "redo" : "undo"); }
  if (event.ctrlKey || event.metaKey) return;
  if (event.key === "?") return one("#keys-dialog").showModal();
  const name = { ArrowLeft: event.shiftKey ? "second-back" : "frame-back", ArrowRight: event.shiftKey ? "second-on" : "frame-on" }[event.key] || KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (/^[0-9]$/.test(event.key)) {
    const label = classes[(Number(event.key) + 9) % 10];
    if (label !== undefined && player) classed(label);
  } else if (name && !(event.key === " " && event.target.closest("button, summary"))) {
    act(name);
  } else return;
  event.preventDefault();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  // What was clicked with a pointer does not keep the keyboard: space plays.
  if (event.detail && button && !button.closest("dialog")) button.blur();
  if (button?.dataset.do) act(button.dataset.do);
});
one("#speed").addEventListener("change", (event) => { player?.speed(Number(event.target.value)); event.target.blur(); });
one("#keys").addEventListener("click", () => one("#keys-dialog").showModal());
load().catch((problem) => told("problem", problem.message));
