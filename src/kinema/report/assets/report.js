"use strict";
(function () {
  document.documentElement.classList.add("scripted");
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const one = (selector, root) => (root || document).querySelector(selector);
  const data = (selector, root) => JSON.parse(one(selector, root).textContent);
  const press = (button) => all("button", button.parentNode).forEach((other) =>
    other.setAttribute("aria-pressed", String(other === button)));

  // ---- line charts: a cursor that reads all curves at one x
  function chart(figure) {
    const spec = data("script.chart-data", figure), plot = one(".plot", figure);
    const cursor = plot.appendChild(document.createElement("span"));
    const tip = plot.appendChild(document.createElement("span"));
    const xs = Array.from(new Set(spec.series.flatMap((series) => series.x))).sort((a, b) => a - b);
    const text = (y) => spec.percent ? (100 * y).toFixed(1) + " %" : String(Number(y.toPrecision(3)));
    let at = -1;
    cursor.className = "cursor";
    tip.className = "tip";
    tip.setAttribute("role", "status");
    hide();
    function hide() { cursor.hidden = tip.hidden = true; cursor.style.display = tip.style.display = "none"; at = -1; }
    function show(index) {
      at = Math.max(0, Math.min(xs.length - 1, index));
      const x = xs[at], share = (x - spec.x[0]) / (spec.x[1] - spec.x[0]);
      const rows = spec.series.map((series) => [series.name, series.y[series.x.indexOf(x)]])
        .filter((row) => row[1] !== null && row[1] !== undefined);
      tip.textContent = [spec.xLabel + " " + x].concat(rows.map((row) => row[0] + "  " + text(row[1]))).join("\n");
      cursor.style.left = 100 * share + "%";
      tip.style.left = share < 0.5 ? "calc(" + 100 * share + "% + 10px)" : "auto";
      tip.style.right = share < 0.5 ? "auto" : "calc(" + 100 * (1 - share) + "% + 10px)";
      cursor.hidden = tip.hidden = false;
      cursor.style.display = tip.style.display = "";
    }
    function nearest(event) {
      const box = plot.getBoundingClientRect();
      const x = spec.x[0] + (event.clientX - box.left) / box.width * (spec.x[1] - spec.x[0]);
      show(xs.reduce((best, value, index) => Math.abs(value - x) < Math.abs(xs[best] - x) ? index : best, 0));
    }
    plot.addEventListener("pointermove", nearest);
    plot.addEventListener("pointerdown", nearest);
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      show(at < 0 ? (step > 0 ? 0 : xs.length - 1) : at + step);
      event.preventDefault();
    });
  }
  all("figure.chart").forEach(chart);

  // ---- bars per class: sorting
  all(".controls[data-for=classes]").forEach((controls) => {
    const list = one(".bars", controls.parentNode), rows = all("li", list);
    const name = (row) => one(".label", row).textContent;
    const orders = {
      name: (a, b) => name(a).localeCompare(name(b)),
      recall: (a, b) => b.dataset.recall - a.dataset.recall || name(a).localeCompare(name(b)),
      support: (a, b) => b.dataset.support - a.dataset.support || name(a).localeCompare(name(b)),
    };
    controls.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      press(button);
      rows.sort(orders[button.dataset.sort]).forEach((row) => list.appendChild(row));
    });
  });

  // ---- clips: show those of one matrix cell
  const filter = one(".filter"), cards = all("#clips .clip");
  function choose(truth, said, sentence) {
    if (!filter) return;
    let shown = 0;
    cards.forEach((card) => {
      const wanted = truth === null || (+card.dataset.truth === truth && +card.dataset.said === said);
      card.hidden = !wanted;
      shown += wanted;
    });
    all("#clips .group").forEach((group) => { group.hidden = !one(".clip:not([hidden])", group); });
    filter.hidden = truth === null;
    if (truth === null) return;
    const strips = shown === 0 ? "none is shown here" : shown === 1 ? "one is shown here" : shown + " are shown here";
    one("span", filter).textContent = sentence + "; " + strips;
    one("#clips").scrollIntoView();
  }
  if (filter) one("button", filter).addEventListener("click", () => choose(null, null, ""));

  // ---- film strips: pointing at one plays it, enlarged, in a loop
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  all(".film").forEach((film) => {
    const image = one("img", film), marks = all(".times > span", film), steps = marks.length;
    let screen = null, timer = 0;
    function play() {
      if (screen || still.matches || steps < 2) return;
      let step = 0;
      screen = film.parentNode.insertBefore(document.createElement("div"), film);
      screen.className = "screen";
      screen.setAttribute("aria-hidden", "true");
      screen.style.backgroundImage = "url(" + image.src + ")";
      screen.style.backgroundSize = 100 * steps + "% 100%";
      screen.style.aspectRatio = image.width / steps + " / " + image.height;
      const turn = () => {
        screen.style.backgroundPositionX = 100 * step / (steps - 1) + "%";
        marks.forEach((mark, index) => mark.classList.toggle("now", index === step));
        step = (step + 1) % steps;
      };
      turn();
      timer = setInterval(turn, 320);
    }
    function stop() {
      clearInterval(timer);
      if (screen) screen.remove();
      screen = null;
      marks.forEach((mark) => mark.classList.remove("now"));
    }
    film.addEventListener("pointerenter", play);
    film.addEventListener("pointerleave", stop);
    film.addEventListener("focus", play);
    film.addEventListener("blur", stop);
  });

  // ---- confusion matrix: read, walk, sort, count or percent, choose
  function matrix(table) {
    // Of many classes the table shows some: `classes` are their numbers among all, `totals` count all answers.
    const { labels, classes, totals } = data("script.confusion-data"), size = labels.length;
    const readout = one("#confusion .readout"), body = table.tBodies[0], head = table.tHead.rows[0];
    const rows = Array.from(body.rows), heads = Array.from(head.cells).slice(1);
    const cells = rows.map((row) => Array.from(row.cells).slice(1));
    const counts = cells.map((row) => row.map((cell) => Number(cell.textContent || 0)));
    let order = labels.map((_, index) => index), current = null, chosen = null;
    rows.forEach((row, i) => cells[i].forEach((cell, j) => { cell.truth = i; cell.said = j; cell.tabIndex = -1; }));
    if (size) cells[0][0].tabIndex = 0;

    function sentence(i, j) {
      const share = totals[i] ? " (" + (100 * counts[i][j] / totals[i]).toFixed(1) + " %)" : "";
      return counts[i][j] + " of " + totals[i] + " " + labels[i] + " called " + labels[j] + share;
    }
    function light(on) {
      if (!current) return;
      heads[current.said].classList.toggle("lit", on);
      rows[current.truth].cells[0].classList.toggle("lit", on);
    }
    function read(cell) {
      light(false);
      current = cell;
      light(true);
      readout.textContent = sentence(cell.truth, cell.said);
    }
    function pick(i, j) {
      if (chosen) chosen.classList.remove("chosen");
      chosen = cells[i][j];
      chosen.classList.add("chosen");
      choose(classes[i], classes[j], sentence(i, j));
    }
    const cellOf = (event) => { const cell = event.target.closest("td"); return cell && cell.truth !== undefined ? cell : null; };
    body.addEventListener("pointerover", (event) => { const cell = cellOf(event); if (cell) read(cell); });
    body.addEventListener("focusin", (event) => { const cell = cellOf(event); if (cell) read(cell); });
    body.addEventListener("click", (event) => { const cell = cellOf(event); if (cell) pick(cell.truth, cell.said); });
    body.addEventListener("keydown", (event) => {
      const cell = cellOf(event);
      const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!cell || !(move || event.key === "Enter" || event.key === " ")) return;
      event.preventDefault();
      if (!move) { pick(cell.truth, cell.said); return; }
      const clamp = (value) => Math.max(0, Math.min(size - 1, value));
      const next = cells[order[clamp(order.indexOf(cell.truth) + move[0])]][order[clamp(order.indexOf(cell.said) + move[1])]];
      cell.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });

    const recall = (index) => totals[index] ? counts[index][index] / totals[index] : 2;
    const orders = {
      given: (a, b) => a - b,
      name: (a, b) => labels[a].localeCompare(labels[b]),
      recall: (a, b) => recall(a) - recall(b) || a - b,
    };
    function sort(kind) {
      order = labels.map((_, index) => index).sort(orders[kind]);
      order.forEach((j) => head.appendChild(heads[j]));
      order.forEach((i) => {
        order.forEach((j) => rows[i].appendChild(cells[i][j]));
        body.appendChild(rows[i]);
      });
    }
    function unit(kind) {
      cells.forEach((row, i) => row.forEach((cell, j) => {
        const value = counts[i][j];
        cell.textContent = !value ? "" : kind === "count" ? value : Math.round(100 * value / totals[i]);
      }));
    }
    one("#confusion .controls").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      press(button);
      if (button.dataset.order) sort(button.dataset.order); else unit(button.dataset.unit);
    });
    all("#confusion .pairs button").forEach((button) => {
      const i = classes.indexOf(+button.dataset.truth), j = classes.indexOf(+button.dataset.said);
      if (i < 0 || j < 0) {
        button.addEventListener("click", () =>
          choose(+button.dataset.truth, +button.dataset.said, button.textContent));
        return;
      }
      button.addEventListener("pointerenter", () => read(cells[i][j]));
      button.addEventListener("click", () => pick(i, j));
    });
  }
  all("table.matrix").forEach(matrix);

  // ---- the section in view is marked in the navigation
  if ("IntersectionObserver" in window) {
    const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
    const watcher = new IntersectionObserver((entries) => entries.forEach((entry) => {
      if (!entry.isIntersecting) return;
      links.forEach((link) => link.removeAttribute("aria-current"));
      const link = links.get(entry.target.id);
      if (link) link.setAttribute("aria-current", "true");
    }), { rootMargin: "-20% 0px -70% 0px" });
    all("main > section").forEach((section) => watcher.observe(section));
  }
  window.addEventListener("beforeprint", () => all("details").forEach((fold) => { fold.open = true; }));
})();
