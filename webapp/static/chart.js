// Draws each chart from the table behind it, in the page's own colours.
"use strict";

(() => {
  const day = new Intl.DateTimeFormat("en-US", { day: "numeric", month: "short", timeZone: "UTC" });
  const count = new Intl.NumberFormat("en-US");
  const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

  function read(figure) {
    // The plot has a table of its own: its legend.
    const table = figure.querySelector(".fb-chart-table table");
    const heads = [...table.tHead.rows[0].cells].slice(1);
    const rows = [...table.tBodies[0].rows];
    const seconds = rows.map((row) => Date.parse(row.querySelector("time").dateTime + "T00:00:00Z") / 1000);
    const columns = heads.map((_, n) => rows.map((row) => Number(row.cells[n + 1].dataset.value)));
    return { names: heads.map((h) => h.textContent), kinds: heads.map((h) => h.dataset.kind), seconds, columns };
  }

  function draw(figure) {
    const plot = figure.querySelector(".fb-chart-plot");
    const { names, kinds, seconds, columns } = read(figure);
    // A canvas knows nothing of light-dark(); an element's own colour is always worked out.
    const colour = (name) => {
      plot.style.color = `var(${name})`;
      const found = getComputedStyle(plot).color;
      plot.style.color = "";
      return found;
    };
    const write = (kind, value) => (value == null ? "–" : kind === "money" ? dollars.format(value / 100) : count.format(value));
    const axis = { stroke: colour("--fb-chart-text"), grid: { stroke: colour("--fb-chart-grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    plot.replaceChildren();
    new uPlot(
      {
        width: plot.clientWidth,
        height: 200,
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
        cursor: { y: false },
        scales: { y: { range: (_, __, high) => [0, Math.max(high * 1.1, 1)] } },
        axes: [
          { ...axis, values: (_, at) => at.map((s) => day.format(new Date(s * 1000))), space: 64, grid: { show: false } },
          { ...axis, values: (_, at) => at.map((v) => write(kinds[0], v)), size: kinds[0] === "money" ? 80 : 56, incrs: kinds[0] === "money" ? undefined : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000, 100000] },
        ],
        series: [
          { label: "Day", value: (_, s) => (s == null ? "–" : day.format(new Date(s * 1000))) },
          ...names.map((label, n) => ({
            label,
            stroke: colour(`--fb-chart-${n + 1}`),
            width: 2,
            dash: n === 0 ? undefined : [6, 4],
            points: { show: seconds.length < 40, size: 5 },
            value: (_, v) => write(kinds[n], v),
          })),
        ],
      },
      [seconds, ...columns],
      plot,
    );
  }

  const figures = [...document.querySelectorAll("figure[data-chart]")];
  let width = 0;
  new ResizeObserver(() => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    figures.forEach(draw);
  }).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => figures.forEach(draw));
})();
