"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const views = new Map();
  const whole = new Map();  // The domains before any zoom.
  const NS = "http://www.w3.org/2000/svg";

  // The page has its own legend, which wraps on a phone and takes the keyboard.
  function withoutLegends(part) {
    if (Array.isArray(part)) part.forEach(withoutLegends);
    else if (part && typeof part === "object") {
      for (const [key, value] of Object.entries(part)) {
        if (key === "datasets") continue;
        if (key === "legend") part[key] = null;
        else withoutLegends(value);
      }
    }
  }

  // Text in charts takes the page's colours, so that dark mode and paper need no redrawing.
  function prepared(spec) {
    const copy = structuredClone(spec);
    copy.width = "container";
    withoutLegends(copy);
    copy.config.legend = {};
    copy.config.axis.labelColor = copy.config.axis.titleColor = "var(--soft)";
    copy.config.text.color = "var(--ink)";
    return copy;
  }

  const PATHS = {
    circle: "M4 0A4 4 0 1 1-4 0A4 4 0 1 1 4 0Z", square: "M-4-4H4V4H-4Z",
    "triangle-up": "M0-4.5L4.5 4H-4.5Z", "triangle-down": "M0 4.5L4.5-4H-4.5Z",
    "triangle-right": "M4.5 0L-4-4.5V4.5Z", diamond: "M0-5L5 0L0 5L-5 0Z",
    cross: "M-1.6-4.5H1.6V-1.6H4.5V1.6H1.6V4.5H-1.6V1.6H-4.5V-1.6H-1.6Z",
  };

  function swatch(colour, dash, shape) {
    const svg = document.createElementNS(NS, "svg");
    svg.setAttribute("width", 28);
    svg.setAttribute("height", 12);
    svg.setAttribute("viewBox", "-14 -6 28 12");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(NS, "path");
    line.setAttribute("d", "M-14 0H14");
    line.setAttribute("stroke", colour);
    line.setAttribute("stroke-width", 2);
    line.setAttribute("stroke-dasharray", dash.join(" "));
    const mark = document.createElementNS(NS, "path");
    mark.setAttribute("d", PATHS[shape] || PATHS.circle);
    mark.setAttribute("fill", colour);
    svg.append(line, mark);
    return svg;
  }

  // The legend: press a series to single it out, press more to add them, again to put them back.
  function legend(chart, series) {
    const box = chart.parentElement.querySelector(".legend");
    const picked = new Set();
    for (const [name, colour, dash, shape] of series) {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      const label = document.createElement("span");
      label.textContent = name;
      button.append(swatch(colour, dash, shape), label);
      button.addEventListener("click", () => {
        if (!picked.delete(name)) picked.add(name);
        button.setAttribute("aria-pressed", String(picked.has(name)));
        const view = views.get(chart.id);
        if (view) view.signal("picked", [...picked]).runAsync();
      });
      box.append(button);
    }
  }

  function domain(view, axis) {
    try { return view.scale(axis).domain(); } catch { return null; }
  }

  function zoom(chart) {
    const box = chart.parentElement.querySelector(".zoom");
    if (!box) return;
    box.addEventListener("click", (event) => {
      const factor = event.target.dataset && event.target.dataset.zoom;
      const view = views.get(chart.id);
      if (factor === undefined || !view) return;
      for (const axis of ["x", "y"]) {
        const field = `grid_${axis}`;
        let scale;
        try { scale = view.scale(axis); view.signal(field); } catch { continue; }
        if (factor === "0") { view.signal(field, whole.get(chart.id)[axis]); continue; }
        const [low, high] = scale.domain();
        const log = scale.type === "log";
        const [a, b] = log ? [Math.log(low), Math.log(high)] : [low, high];
        const middle = (a + b) / 2, half = ((b - a) / 2) * Number(factor);
        const ends = [middle - half, middle + half];
        view.signal(field, log ? ends.map(Math.exp) : ends);
      }
      view.runAsync();
    });
  }

  async function draw(chart) {
    if (chart.dataset.state) return;
    chart.dataset.state = "drawing";
    const { spec } = data.figures[chart.id];
    try {
      const result = await window.vegaEmbed(chart, prepared(spec), {
        actions: false, renderer: "svg", tooltip: { theme: "custom" }, ast: false,
      });
      views.set(chart.id, result.view);
      whole.set(chart.id, { x: domain(result.view, "x"), y: domain(result.view, "y") });
      chart.style.minHeight = "";
      chart.dataset.state = "drawn";
    } catch (error) {
      chart.dataset.state = "failed";
      chart.textContent = "This chart could not be drawn; its values are in the table below.";
      console.error(error);
    }
  }

  // What is on the screen first, the rest while nothing else is to do: printing finds all of them.
  async function drawAll(charts) {
    const height = window.innerHeight;
    const near = (c) => { const r = c.getBoundingClientRect(); return r.top < height && r.bottom > 0; };
    const order = [...charts].sort((a, b) => near(b) - near(a));
    for (const chart of order) {
      await draw(chart);
      await new Promise((resume) => setTimeout(resume, 0));
    }
    document.documentElement.dataset.ready = "true";
  }

  async function download(button) {
    const file = data.files[Number(button.dataset.file)];
    const packed = Uint8Array.from(atob(file.gzip), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const blob = new Blob([await new Response(stream).arrayBuffer()], { type: file.type });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = file.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  const charts = document.querySelectorAll(".chart");
  for (const chart of charts) {
    legend(chart, data.figures[chart.id].series);
    zoom(chart);
  }
  for (const button of document.querySelectorAll("[data-file]")) {
    button.addEventListener("click", () => download(button));
  }
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) draw(entry.target);
  }, { rootMargin: "200px" });
  for (const chart of charts) seen.observe(chart);
  drawAll(charts);
})();
