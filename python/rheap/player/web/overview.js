// The pictures that stand in the page ready made, for runs that take a while to read.

import { channels, colourOf } from "./colours.js";
import { readSection } from "./columns.js";

/** By the number of each such run its picture. */
export async function readOverviews(description) {
  const overviews = new Map();
  for (const [at, run] of description.runs.entries()) {
    if (run.overview)
      overviews.set(at, paintOverview(run.overview, await readSection(`overview-${at}`)));
  }
  return overviews;
}

/** Cells row by row from the lowest address: the part of each that was live. */
function paintOverview({ columns, rows }, cells) {
  const image = new OffscreenCanvas(columns, rows);
  const pixels = new ImageData(columns, rows);
  const [live, free] = [channels(colourOf("live")), channels(colourOf("free"))];
  for (let at = 0; at < cells.length; ++at) {
    const weight = cells[at] === 0 ? 0 : 0.16 + (0.84 * cells[at]) / 255;
    const row = rows - 1 - Math.floor(at / columns);
    const pixel = 4 * (row * columns + (at % columns));
    for (let channel = 0; channel < 3; ++channel) {
      pixels.data[pixel + channel] = live[channel] * weight + free[channel] * (1 - weight);
    }
    pixels.data[pixel + 3] = 255;
  }
  image.getContext("2d").putImageData(pixels, 0, 0);
  return image;
}
