// Many blocks as pixels: each shows the mean of what lies in it.

import { channels } from "./colours.js";
import { DEFERRED, LIVE } from "./layout.js";

const LEAST_SEEN = 0.16; // what little there is in a pixel is seen, too

/** Sums up areas. Each plane holds, row by row, how much more of a pixel is covered than of the one
 * left of it, so a block costs the same however long it lives. */
export class Raster {
  constructor(width, height, colouring) {
    this.width = width;
    this.height = height;
    this.colours = colouring.classes.map(({ colour }) => channels(colour));
    this.colouring = colouring;
    this.stride = width + 2;
    const plane = () => new Float32Array(this.stride * height);
    Object.assign(this, { free: plane(), deferred: plane(), live: plane() });
    this.shades = this.colours.length > 1 ? [plane(), plane(), plane()] : [];
  }

  /** A band from `left` to `right` and from `top` to `bottom`, in pixels. */
  add(run, band, left, right, top, bottom) {
    const from = Math.max(left, 0);
    const to = Math.min(right, this.width);
    const first = Math.max(Math.floor(top), 0);
    const last = Math.min(Math.ceil(bottom), this.height);
    const state = run.state[band];
    const colour =
      state === LIVE && this.shades.length > 0 ? this.colours[this.colouring.classOf(band)] : null;
    const plane = state === LIVE ? this.live : state === DEFERRED ? this.deferred : this.free;
    for (let row = first; row < last; ++row) {
      const height = Math.min(bottom, row + 1) - Math.max(top, row);
      this.cover(plane, row, from, to, height);
      if (colour === null) continue;
      for (let at = 0; at < 3; ++at) {
        this.cover(this.shades[at], row, from, to, height * colour[at]);
      }
    }
  }

  cover(plane, row, from, to, amount) {
    const base = row * this.stride;
    const start = Math.floor(from);
    const end = Math.floor(to);
    plane[base + start] += amount * (start + 1 - from);
    plane[base + start + 1] += amount * (from - start);
    plane[base + end] -= amount * (end + 1 - to);
    plane[base + end + 1] -= amount * (to - end);
  }

  /** The picture so far. */
  image() {
    const image = new ImageData(this.width, this.height);
    const ground = channels(this.colouring.free);
    const waiting = channels(this.colouring.deferred);
    for (let row = 0; row < this.height; ++row) this.paintRow(image, row, ground, waiting);
    return image;
  }

  paintRow(image, row, ground, waiting) {
    const base = row * this.stride;
    const shade = [0, 0, 0];
    let free = 0;
    let deferred = 0;
    let live = 0;
    for (let column = 0; column < this.width; ++column) {
      free += this.free[base + column];
      deferred += this.deferred[base + column];
      live += this.live[base + column];
      for (let at = 0; at < this.shades.length; ++at) shade[at] += this.shades[at][base + column];
      const covered = free + deferred + live;
      if (covered < 1e-4) continue;
      const idle = Math.max(free + deferred, 1e-6);
      const weight = live < 1e-4 ? 0 : LEAST_SEEN + (1 - LEAST_SEEN) * Math.min(live / covered, 1);
      const at = 4 * (row * this.width + column);
      for (let channel = 0; channel < 3; ++channel) {
        const taken =
          this.shades.length > 0 ? shade[channel] / Math.max(live, 1e-4) : this.colours[0][channel];
        const rest = (ground[channel] * free + waiting[channel] * deferred) / idle;
        image.data[at + channel] = taken * weight + rest * (1 - weight);
      }
      image.data[at + 3] = 255 * Math.min(LEAST_SEEN + (1 - LEAST_SEEN) * covered, 1);
    }
  }
}
