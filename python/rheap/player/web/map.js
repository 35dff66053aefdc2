// The region at one moment, as the package's maps draw it: rows of bytes from the first block on.

import { drawArrows } from "./arrows.js";
import { askedFor, CHARACTER, FONT } from "./bands.js";
import { colourOf, kindOf, signOf } from "./colours.js";
import { prepareCanvas, styleColour } from "./elements.js";
import { LIVE, UNIT, WORD } from "./layout.js";
import { count, offset } from "./text.js";

const LEAST_MARGIN = 78; // pixels left of the rows, for addresses
const ROW = 22;
const STEP = 29;
const MOST_ROWS = 8;
const FINEST = 0.25; // bytes a pixel
const NARROW = 1.5; // pixels: what is narrower joins its neighbours
const CROWD = 2; // pixels of a column of such
const SIGN_FITS = 14;
const CROWDED = ["live", "deferred", "free"]; // by state, as bands have it

/** The scale of a map is that of the whole run, so that nothing moves while it plays. */
export function mapScale(width, extent) {
  const margin = Math.max(offset(extent).length * CHARACTER + 10, LEAST_MARGIN);
  const row = Math.max(width - margin, 64);
  let scale = FINEST;
  while (extent > MOST_ROWS * row * scale) scale *= 2;
  const rowBytes = Math.floor((row * scale) / UNIT) * UNIT;
  return { margin, scale, rowBytes, rows: Math.max(Math.ceil(extent / rowBytes), 1) };
}

export function mapHeight(rows) {
  return rows * STEP;
}

export class RegionMap {
  constructor(canvas, run) {
    this.canvas = canvas;
    this.run = run;
  }

  /** `focus`: the bands that have a frame; `chain`: places (in units) that arrows go through. */
  draw(moment, focus, chain) {
    const { run, canvas } = this;
    this.scale = mapScale(canvas.clientWidth, run.extent);
    this.columns = Math.ceil(canvas.clientWidth / CROWD);
    canvas.style.height = `${mapHeight(this.scale.rows)}px`;
    const { pen } = prepareCanvas(canvas);
    this.pen = pen;
    this.ink = styleColour("text");
    this.crowds = new Float32Array(this.scale.rows * this.columns * CROWDED.length);
    pen.textBaseline = "middle";
    this.drawAddresses();
    for (const band of moment.bands) this.drawBlock(band);
    this.drawWilderness(run.top[moment.at]);
    this.drawCrowds();
    for (const band of moment.bands) if (focus.has(band)) this.drawFrame(band);
    const points = chain.map((place) => this.pointOf(place * UNIT)).filter(Boolean);
    drawArrows(pen, points, this.ink, styleColour("ground"));
  }

  /** Where the word of a block is drawn. */
  pointOf(start) {
    const [piece] = this.pieces(start, start + WORD);
    return piece && { x: piece.x + piece.width / 2, y: piece.y + ROW / 2 };
  }

  drawAddresses() {
    const { pen } = this;
    pen.font = FONT;
    pen.fillStyle = styleColour("muted");
    pen.textAlign = "left";
    for (let row = 0; row < this.scale.rows; ++row) {
      pen.fillText(offset(row * this.scale.rowBytes), 0, row * STEP + ROW / 2 + 1);
    }
    pen.textAlign = "center";
  }

  drawBlock(band) {
    const { run } = this;
    const start = run.place[band] * UNIT;
    const end = start + run.size[band] * UNIT;
    if ((end - start) / this.scale.scale < NARROW) return this.crowd(start, end, run.state[band]);
    this.drawSpan(start, start + WORD, "word");
    const payload = run.state[band] === LIVE ? askedFor(run, band) : end - start - WORD;
    this.drawSpan(start + WORD, end, kindOf(run.state[band]), count(payload));
  }

  drawWilderness(top) {
    this.drawSpan(top, this.run.extent, "wilderness");
  }

  /** Bytes that are one thing, row by row. */
  drawSpan(start, end, kind, size = "") {
    for (const { x, y, width } of this.pieces(start, end)) {
      const gap = width > 3 ? 0.75 : 0;
      this.pen.fillStyle = colourOf(kind);
      this.pen.globalAlpha = kind === "wilderness" ? 0.2 : 1;
      this.pen.fillRect(x, y, width - gap, ROW);
      this.pen.globalAlpha = 1;
      if (width >= SIGN_FITS) this.drawLabel(kind, size, x, y, width);
    }
  }

  /** The sign of what lies here, and its size where that fits. */
  drawLabel(kind, size, x, y, width) {
    const { sign, pale } = signOf(kind);
    const text = size && CHARACTER * (size.length + 3) < width ? `${sign} ${size}` : sign;
    this.pen.fillStyle = kind === "wilderness" ? this.ink : pale ? "#1f1f1f" : "#fff";
    this.pen.fillText(text, x + width / 2, y + ROW / 2 + 1);
  }

  *pieces(start, end) {
    const { margin, scale, rowBytes, rows } = this.scale;
    for (let row = Math.floor(start / rowBytes); row < rows && row * rowBytes < end; ++row) {
      const from = Math.max(start, row * rowBytes);
      const to = Math.min(end, (row + 1) * rowBytes);
      if (to <= from) continue;
      const x = margin + (from - row * rowBytes) / scale;
      yield { x, y: row * STEP, width: (to - from) / scale, from, to };
    }
  }

  /** What is too narrow is summed up in columns: the bytes of each state. */
  crowd(start, end, state) {
    const { margin, rowBytes, scale } = this.scale;
    const row = Math.floor(start / rowBytes); // of its first byte: it is narrower than a pixel
    const column = Math.floor((margin + (start - row * rowBytes) / scale) / CROWD);
    this.crowds[(row * this.columns + column) * CROWDED.length + state] += end - start;
  }

  drawCrowds() {
    const { crowds, columns } = this;
    for (let cell = 0; cell * CROWDED.length < crowds.length; ++cell) {
      const shares = crowds.subarray(cell * CROWDED.length, (cell + 1) * CROWDED.length);
      const total = shares[0] + shares[1] + shares[2];
      if (total > 0)
        this.drawShares(shares, total, (cell % columns) * CROWD, Math.floor(cell / columns) * STEP);
    }
  }

  drawShares(shares, total, x, y) {
    let top = y;
    for (const [state, bytes] of shares.entries()) {
      const height = (ROW * bytes) / total;
      this.pen.fillStyle = colourOf(CROWDED[state]);
      this.pen.fillRect(x, top, CROWD, height);
      top += height;
    }
  }

  drawFrame(band) {
    const start = this.run.place[band] * UNIT;
    this.pen.strokeStyle = this.ink;
    this.pen.lineWidth = 2;
    for (const { x, y, width } of this.pieces(start, start + this.run.size[band] * UNIT)) {
      this.pen.strokeRect(x, y + 1, Math.max(width, 2), ROW - 2);
    }
  }

  /** The place, in bytes from the first block, at a point of the canvas; -1 beside the rows. */
  placeAt(x, y) {
    const row = Math.floor(y / STEP);
    const within = (x - this.scale.margin) * this.scale.scale;
    if (within < 0 || within >= this.scale.rowBytes || row >= this.scale.rows) return -1;
    const place = row * this.scale.rowBytes + within;
    return place < this.run.capacity ? place : -1;
  }
}
