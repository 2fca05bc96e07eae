// The page: which model this is, videos that are dropped, the webcam.
import { get, token } from "./api.js";
import { el, one, percent, size } from "./dom.js";
import { VideoCard } from "./video.js";
import { WebcamCard } from "./webcam.js";

const AT_ONCE = 2;
const waiting = [];
let model = null, running = 0;

async function load() {
  try {
    model = await get("/api/model");
  } catch (problem) {
    if (problem.status !== 401) return (one("#model").textContent = problem.message);
    await askToken(token.get() ? "That is not the token." : "");
    return load();
  }
  const tested = model.accuracy === null || model.accuracy === undefined ? "" : ` On ${model.n_test} test videos it was right ${percent(model.accuracy)} of the time.`;
  one("#model").textContent = `This model knows ${model.labels.length} actions (“${model.name}”, recipe ${model.recipe}).${tested}`;
  one("#limits").textContent = `Up to ${size(model.limits.upload_bytes)} and ${Math.round(model.limits.video_seconds / 60)} minutes each. They are looked at on this server and not kept.`;
  one("#classes").replaceChildren(...model.labels.map((label) => el("li", { text: label })));
  const pairs = model.confusions.map((pair) => el("li", { text: `${pair.label} called ${pair.called}: ${pair.count} of ${pair.total}` }));
  one("#confusions").replaceChildren(...(pairs.length ? pairs : [el("li", { text: "Nothing was." })]));
  one("#confusions").parentElement.hidden = model.timeline;  // segments are found or missed
  one("#known").hidden = false;
  next();
}

function askToken(problem) {
  const dialog = one("#token");
  one("#token-problem").hidden = !problem;
  one("#token-problem").textContent = problem;
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    token.set(one("#token-value").value.trim());
    resolve();
  }, { once: true }));
}

function add(files) {
  for (const file of files) waiting.push(file);
  next();
}

// A few at a time, in the order in which they came; the newest is on top.
function next() {
  while (model && waiting.length && running < AT_ONCE) {
    const card = new VideoCard(waiting.shift(), model);
    one("#results").prepend(card.node);
    running += 1;
    card.start().finally(() => { running -= 1; next(); });
  }
}

const drop = one("#drop");
for (const name of ["dragenter", "dragover"]) document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
document.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); add(event.dataTransfer.files); });
one("#files").addEventListener("change", (event) => { add(event.target.files); event.target.value = ""; });
one("#webcam").addEventListener("click", () => {
  if (!model) return;
  const card = new WebcamCard(model, () => { one("#webcam").disabled = false; });
  one("#webcam").disabled = true;
  one("#results").prepend(card.node);
  card.start();
});
one("#card-link").addEventListener("click", async (event) => {
  event.preventDefault();
  const text = await get("/api/card").catch((problem) => problem.message);
  one("#card-text pre").textContent = text.replace(/^---[\s\S]*?---\s*/, "");
  one("#card-text").showModal();
});
load();
