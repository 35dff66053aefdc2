// A run as a picture: operations to the right, addresses up, each block a band from birth to death.
//
// Few bands are drawn one by one, many are summed up in pixels, which takes a while: meanwhile the
// last picture is shown, stretched to where it belongs.

import { drawBands } from "./bands.js";
import { prepareCanvas } from "./elements.js";
import { UNIT } from "./layout.js";
import { Raster } from "./raster.js";
import { inSlices } from "./slices.js";

const MOST_BANDS = 6_000; // drawn one by one
const QUICK = 40_000; // so many are looked at within a frame
const BANDS_PER_TURN = 4_000;

export class Picture {
  constructor(canvas, run, onDrawn) {
    this.canvas = canvas;
    this.run = run;
    this.onDrawn = onDrawn; // told how many bands were drawn one by one, null when none was
    this.last = null; // a picture that was made: its image, and what it shows up to when
    this.scan = 0; // the number of the present one
  }

  /** What the page shows until the blocks are read: which part of each cell was live. */
  useOverview(image, view) {
    this.last = { image, view, lastSeen: this.run.operations };
  }

  /** `lastSeen`: the moment at which it ends. */
  draw(view, colouring, lastSeen) {
    if (this.canvas.clientWidth === 0) return;
    const scan = ++this.scan;
    if (this.last !== null && this.last.lastSeen > lastSeen) this.last = null;
    if (!this.run.isRead) return this.showLast(view);
    const range = this.run.rangeBetween(view.from, view.to);
    const looked = range.bands.length + range.end - range.first;
    const work = this.look(view.copy(), colouring, lastSeen, range);
    if (looked <= QUICK) {
      while (!work.next().done);
      return;
    }
    this.showLast(view);
    inSlices(work, () => scan !== this.scan);
  }

  /** Collects what is seen, and draws it in the end. */
  *look(view, colouring, lastSeen, range) {
    const seen = [];
    const scale = scaleOf(this.canvas, view, lastSeen);
    let raster = null;
    const take = (band) => {
      if (!this.isSeen(band, view, lastSeen)) return;
      if (raster === null) seen.push(band);
      else this.addTo(raster, band, scale);
    };
    const overflow = () => {
      if (raster !== null || seen.length <= MOST_BANDS) return;
      raster = new Raster(scale.width, scale.height, colouring);
      for (const band of seen) this.addTo(raster, band, scale);
    };
    let turn = 0;
    for (const band of range.bands) {
      take(band);
      if (++turn % BANDS_PER_TURN === 0) yield overflow();
    }
    for (let band = range.first; band < range.end; ++band) {
      take(band);
      if (++turn % BANDS_PER_TURN === 0) yield overflow();
    }
    overflow();
    if (raster === null) this.showBands(seen, view, colouring, scale);
    else this.showRaster(raster, view, lastSeen);
  }

  isSeen(band, view, lastSeen) {
    const { run } = this;
    if (run.born[band] > lastSeen) return false;
    const low = run.place[band] * UNIT;
    return run.died[band] > view.from && low < view.high && low + run.size[band] * UNIT > view.low;
  }

  addTo(raster, band, scale) {
    const { run } = this;
    const left = scale.x(run.born[band] - 1);
    const right = scale.x(Math.min(run.died[band] - 1, scale.lastSeen));
    const bottom = scale.y(run.place[band] * UNIT);
    const top = scale.y((run.place[band] + run.size[band]) * UNIT);
    if (right > 0 && left < scale.width) raster.add(run, band, left, right, top, bottom);
  }

  showBands(bands, view, colouring, scale) {
    const { pen } = prepareCanvas(this.canvas);
    drawBands(pen, this.run, bands, scale, colouring);
    this.keep(view, scale.lastSeen);
    this.onDrawn(bands.length);
  }

  showRaster(raster, view, lastSeen) {
    const image = new OffscreenCanvas(raster.width, raster.height);
    image.getContext("2d").putImageData(raster.image(), 0, 0);
    this.last = { image, view, lastSeen };
    this.showLast(view);
    this.onDrawn(null);
  }

  /** Keeps what is on the canvas, to be shown while the next picture is made. */
  keep(view, lastSeen) {
    const image = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    image.getContext("2d").drawImage(this.canvas, 0, 0);
    this.last = { image, view, lastSeen };
  }

  showLast(view) {
    const { pen } = prepareCanvas(this.canvas);
    if (this.last === null) return;
    const { image, view: shown } = this.last;
    const scale = scaleOf(this.canvas, view);
    const left = scale.x(shown.from);
    const top = scale.y(shown.high);
    pen.imageSmoothingEnabled = !view.equals(shown);
    pen.drawImage(image, left, top, scale.x(shown.to) - left, scale.y(shown.low) - top);
  }
}

/** From operations and bytes to pixels of a canvas. Nothing behind `lastSeen` is drawn. */
export function scaleOf(canvas, view, lastSeen) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const across = width / (view.to - view.from);
  const up = height / (view.high - view.low);
  return {
    width,
    height,
    lastSeen,
    across,
    up,
    x: (operation) => (operation - view.from) * across,
    y: (byte) => height - (byte - view.low) * up,
  };
}
