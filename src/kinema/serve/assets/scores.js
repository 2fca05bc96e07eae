// The best classes as bars.
import { colour, el, percent } from "./dom.js";

export class Scores {
  constructor() {
    this.node = el("ul", { class: "scores" });
  }

  show(top) {
    while (this.node.children.length > top.length) this.node.lastChild.remove();
    top.forEach(({ label, score }, row) => {
      const item = this.node.children[row] || this.node.appendChild(el("li", {},
        el("span", { class: "name" }), el("span", { class: "num share" }), el("span", { class: "bar", "aria-hidden": "true" }, el("i"))));
      item.style.setProperty("--c", colour(label));
      item.querySelector(".name").textContent = label;
      item.querySelector(".share").textContent = percent(score);
      item.querySelector("i").style.width = 100 * score + "%";
    });
  }
}
