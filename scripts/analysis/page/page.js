"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const views = new Map();
  const whole = new Map();  // The domains before any zoom.

  // As wide as there is room for.
  function prepared(spec) {
    const copy = structuredClone(spec);
    copy.width = "container";
    return copy;
  }

  // The legend: press a series to single it out, press more to add them, again to put them back.
  function legend(chart, series) {
    const box = chart.parentElement.querySelector(".legend");
    const picked = new Set();
    for (const [i, button] of [...box.children].entries()) {
      const name = series[i];
      button.addEventListener("click", () => {
        if (!picked.delete(name)) picked.add(name);
        button.setAttribute("aria-pressed", String(picked.has(name)));
        const view = views.get(chart.id);
        if (view) view.signal("picked", [...picked]).runAsync();
      });
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
    if (chart.dataset.state || chart.clientWidth === 0) return;  // Folded: when it is opened.
    chart.dataset.state = "drawing";
    const { spec } = data.figures[chart.id];
    try {
      const result = await window.vegaEmbed(chart, prepared(spec), {
        actions: false, renderer: "svg", tooltip: { theme: "custom" }, ast: false,
      });
      views.set(chart.id, result.view);
      whole.set(chart.id, { x: domain(result.view, "x"), y: domain(result.view, "y") });
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

  document.addEventListener("toggle", (event) => {
    if (event.target.open) drawAll(event.target.querySelectorAll(".chart"));
  }, true);

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

  // Tables for other documents.
  const clean = (text) => text.replace(/\s+/g, " ").trim();
  const FORMS = {
    CSV: (rows) => rows.map((row) => row.map((cell) =>
      /[",]/.test(cell) ? `"${cell.replace(/"/g, '""')}"` : cell).join(",")).join("\n"),
    Markdown: (rows) => rows.map((row) => `| ${row.map((c) => c.replace(/\|/g, "\\|")).join(" | ")} |`)
      .toSpliced(1, 0, `|${" --- |".repeat(rows[0].length)}`).join("\n"),
    LaTeX: (rows) => {
      const safe = (cell) => cell.replace(/[\\{}]/g, (c) => ({ "\\": "\\textbackslash{}" })[c] || `\\${c}`)
        .replace(/[&%$#_]/g, "\\$&").replace(/[~^]/g, "\\$&{}").replace(/×/g, "$\\times$")
        .replace(/±/g, "$\\pm$").replace(/µ/g, "$\\mu$").replace(/▲/g, "$\\blacktriangle$")
        .replace(/▼/g, "$\\blacktriangledown$");
      const lines = rows.map((row) => `${row.map(safe).join(" & ")} \\\\`);
      return [`\\begin{tabular}{${"l".repeat(rows[0].length)}}`, "\\hline", lines[0], "\\hline",
        ...lines.slice(1), "\\hline", "\\end{tabular}"].join("\n");
    },
  };

  function copied(tools, text) {
    document.querySelectorAll("textarea.copy").forEach((old) => old.remove());
    const area = document.createElement("textarea");
    area.className = "copy";
    area.readOnly = true;
    area.rows = 6;
    area.value = text;
    tools.append(area);
    area.select();
    if (navigator.clipboard) navigator.clipboard.writeText(text).catch(() => {});
  }

  for (const box of document.querySelectorAll(".scroll")) {
    const tools = document.createElement("div");
    tools.className = "tools";
    tools.append("Copy as ");
    for (const [name, form] of Object.entries(FORMS)) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => {
        const rows = [...box.querySelectorAll("tr")]
          .map((row) => [...row.cells].map((cell) => clean(cell.innerText)));
        copied(tools, form(rows));
      });
      tools.append(button);
    }
    box.after(tools);
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
