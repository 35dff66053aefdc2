// Single blocks: rectangles; closer their sizes; closest the words, links and footers.

import { colourOf } from "./colours.js";
import { FREE, LIVE, UNIT, WORD } from "./layout.js";
import { count } from "./text.js";

export const FONT = "11px ui-monospace, 'Cascadia Mono', Menlo, Consolas, monospace";
export const CHARACTER = 6.7; // pixels, of such text
const LINE = 13;

export function drawBands(pen, run, bands, scale, colouring) {
  pen.font = FONT;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const band of bands) drawBand(pen, boxOf(run, band, scale), run, band, scale, colouring);
}

/** Where a band is drawn. A gap tells neighbours apart, where there is room for one. */
export function boxOf(run, band, scale) {
  const left = Math.max(scale.x(run.born[band] - 1), -2);
  const right = Math.min(scale.x(Math.min(run.died[band] - 1, scale.lastSeen)), scale.width + 2);
  const bottom = scale.y(run.place[band] * UNIT);
  const top = scale.y((run.place[band] + run.size[band]) * UNIT);
  const width = right - left;
  const height = bottom - top;
  return {
    left,
    top,
    width: Math.max(width - (width > 3 ? 0.75 : 0), 0.5),
    height: Math.max(height - (height > 3 ? 0.75 : 0), 0.5),
  };
}

function drawBand(pen, box, run, band, scale, colouring) {
  const state = run.state[band];
  pen.fillStyle = colouring.css(run, band);
  pen.globalAlpha = state === FREE ? 0.75 : 1;
  pen.fillRect(box.left, box.top, box.width, box.height);
  pen.globalAlpha = 1;
  const word = WORD * scale.up;
  if (word > 2) drawParts(pen, box, run, band, word);
  if (state === LIVE) drawSize(pen, box, run, band, word);
}

/** The word, and in a freed block the links and the footer. */
function drawParts(pen, box, run, band, word) {
  const bottom = box.top + box.height;
  pen.fillStyle = colourOf("word");
  pen.fillRect(box.left, bottom - word, box.width, word);
  if (word < LINE || box.width < 40) return;
  write(pen, "#fff", `word ${count(run.size[band] * UNIT - WORD)}`, box, bottom - word / 2);
  const state = run.state[band];
  if (state === LIVE) return;
  const units = run.size[band];
  const labels = [[1, "next"]];
  if (state === FREE) labels.push([2, "prev"]);
  if (state === FREE && units > 3) labels.push([units - 1, "size"]);
  for (const [at, label] of labels) {
    pen.strokeStyle = "#1f1f1f66";
    pen.strokeRect(box.left + 2, bottom - (at + 1) * word + 2, box.width - 4, word - 4);
    write(pen, "#1f1f1f", label, box, bottom - (at + 0.5) * word);
  }
}

/** What was asked for. */
function drawSize(pen, box, run, band, word) {
  const height = box.height - (word > 2 ? word : 0);
  if (height < LINE || box.width < 14) return;
  const asked = askedFor(run, band);
  write(pen, "#fff", count(asked), box, box.top + height / 2);
}

export function askedFor(run, band) {
  return run.trace.bytes[run.requestOf(run.owner[band], run.born[band])];
}

function write(pen, colour, text, box, y) {
  if (text.length * CHARACTER + 4 > box.width) return;
  pen.fillStyle = colour;
  const left = Math.max(box.left, 0);
  const right = box.left + box.width;
  pen.fillText(text, (left + right) / 2, y);
}
