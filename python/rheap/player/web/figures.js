// The figures of a moment as a table; of two runs beside each other, with their difference.

import { make } from "./elements.js";
import { momentOf } from "./moment.js";
import { bytes, count, percent } from "./text.js";

const ROWS = [
  ["live", "live_bytes", bytes],
  ["live blocks", "live_blocks", count],
  ["free", "free_bytes", bytes],
  ["free blocks", "free_blocks", count],
  ["unmerged", "deferred_blocks", count],
  ["wilderness", "wilderness_bytes", bytes],
  ["largest request", "largest_now", bytes],
  ["… merged", "largest_merged", bytes],
  ["fragmentation", "fragmentation", percent],
  ["… merged", "fragmentation_merged", percent],
  ["utilisation", "utilisation", percent],
];

export function drawFigures(table, runs, moment) {
  const figures = runs.map((run) => momentOf(run, moment).figures);
  const rows = ROWS.map(([name, key, format]) => rowOf(name, key, format, figures));
  table.replaceChildren(...headOf(runs), make("tbody", {}, ...rows));
}

function headOf(runs) {
  if (runs.length < 2) return [];
  const names = ["", "above", "below", "difference"];
  return [
    make("thead", {}, make("tr", {}, ...names.map((text) => make("th", { text, scope: "col" })))),
  ];
}

function rowOf(name, key, format, figures) {
  const cells = figures.map((each) =>
    make("td", { text: format(each[key]), title: exact(each[key]) }),
  );
  if (figures.length === 2) cells.push(differenceOf(figures[1][key] - figures[0][key], format));
  const row = make("tr", {}, make("th", { text: name, scope: "row" }), ...cells);
  row.dataset.figure = key;
  row.dataset.values = figures.map((each) => each[key]).join(" ");
  return row;
}

function exact(value) {
  return Number.isInteger(value) ? count(value) : String(value);
}

function differenceOf(difference, format) {
  const sign = difference > 0 ? "+" : difference < 0 ? "−" : "";
  const text = difference === 0 ? "=" : sign + format(Math.abs(difference));
  return make("td", { text, className: "difference" });
}
