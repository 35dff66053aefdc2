// Rebuilds the bands of a run from its columns (see RunColumns in cpp/replay/narration.hpp): a new
// block ends those that it covers. A compaction keeps the order of the live ones, so those that it
// ends tell whose those are that it makes.

import { LIVE, UNIT } from "./layout.js";
import { COMPACT, RELEASE, RESIZE } from "./trace.js";

const RETREAT = 3; // a state of births: all from their place on is wilderness again
const LEAST_BIRTHS_PER_KEYFRAME = 4_096;
const LARGEST_ARRAY = 2 ** 24; // places: 64 MiB of numbers, 128 MiB of a region

/** Which band starts at a place. An array where the region is small enough for one. */
class PlaceIndex {
  constructor(places) {
    if (places <= LARGEST_ARRAY) this.array = new Int32Array(places + 1).fill(-1);
    else this.map = new Map();
  }

  get(place) {
    if (this.map) return this.map.get(place) ?? -1;
    return place < this.array.length ? this.array[place] : -1;
  }

  set(place, band) {
    if (this.map) this.map.set(place, band);
    else this.array[place] = band;
  }

  remove(place) {
    if (this.map) this.map.delete(place);
    else this.array[place] = -1;
  }
}

/** Rebuilds the bands of a run, operation by operation. */
export class BandReader {
  constructor(run, columns) {
    this.run = run;
    this.columns = columns;
    this.bandAtPlace = new PlaceIndex(run.extent / UNIT);
    this.homes = new Int32Array(run.trace.allocations).fill(-1); // the band of each live allocation
    this.sizes = new Float64Array(run.trace.allocations); // asked for
    this.lastPlace = 0;
    this.live = 0;
    this.top = 0;
    this.asked = 0;
    this.largest = 0;
    this.moved = null; // by a compaction, while that is read: bands, and owners of those before
  }

  readOperation(at) {
    const { run, columns } = this;
    const number = run.trace.numbers[at];
    const kind = run.trace.kinds[at];
    if (kind === COMPACT) this.readMoves(at);
    else {
      this.account(at, number);
      this.readBirths(at, number);
    }
    if (kind === RELEASE) this.homes[number] = -1;
    const moment = at + 1;
    run.live[moment] = this.live * UNIT;
    run.top[moment] = this.top * UNIT;
    run.asked[moment] = this.asked;
    run.largest[moment] = this.largest += columns.largest.nextSigned();
    const last = run.keyframes.at(-1);
    const since = run.count - last.count;
    if (since >= Math.max(LEAST_BIRTHS_PER_KEYFRAME, last.bands.length)) this.addKeyframe(moment);
  }

  /** What is asked for, by what is served. */
  account(at, number) {
    const { trace, isRefused } = this.run;
    if (isRefused[at]) return;
    if (trace.kinds[at] === RESIZE && this.homes[number] < 0) return; // its allocation was refused
    this.asked += trace.bytes[at] - this.sizes[number];
    this.sizes[number] = trace.bytes[at];
  }

  readMoves(at) {
    const moved = { owners: [], bands: [] };
    this.moved = moved;
    this.readBirths(at, -1);
    this.moved = null;
    for (const [turn, band] of moved.bands.entries()) this.settle(band, moved.owners[turn]);
  }

  readBirths(at, number) {
    const { run, columns } = this;
    const home = number < 0 ? -1 : this.homes[number];
    let expected = home < 0 ? this.lastPlace : run.place[home];
    const top = this.top;
    let covered = -1; // up to here the blocks of before are ended
    for (let left = columns.births.next(); left > 0; --left) {
      const place = expected + columns.places.nextSigned();
      const before = this.bandAtPlace.get(place);
      const size = (before < 0 ? 0 : run.size[before]) + columns.sizes.nextSigned();
      const state = columns.states.next();
      if (place !== expected || covered < 0) covered = place;
      this.lastPlace = place;
      if (state === RETREAT) {
        this.endBands(covered, top, at + 1);
        this.top = place;
        expected = place;
        continue;
      }
      covered = this.endBands(covered, Math.min(place + size, top), at + 1);
      this.addBand(place, size, state, at + 1, number);
      expected = place + size;
    }
  }

  /** Ends the blocks from one place to another; returns the end of the last one. */
  endBands(from, to, moment) {
    const { run } = this;
    let place = from;
    while (place < to) {
      const band = this.bandAtPlace.get(place);
      this.bandAtPlace.remove(place);
      run.died[band] = moment;
      if (run.state[band] === LIVE) {
        this.live -= run.size[band];
        this.moved?.owners.push(run.owner[band]);
      }
      place += run.size[band];
    }
    return place;
  }

  addBand(place, size, state, moment, number) {
    const { run } = this;
    const band = run.count++;
    run.place[band] = place;
    run.size[band] = size;
    run.state[band] = state;
    run.born[band] = moment;
    if (state === LIVE) {
      this.live += size;
      if (this.moved) this.moved.bands.push(band);
      else this.settle(band, number);
    }
    this.bandAtPlace.set(place, band);
    this.top = Math.max(this.top, place + size);
  }

  /** The band is this allocation's from here on. */
  settle(band, number) {
    const { run } = this;
    run.owner[band] = number;
    if (this.homes[number] < 0) run.firstOf[number] = band;
    else run.following[this.homes[number]] = band;
    this.homes[number] = band;
  }

  addKeyframe(moment) {
    const { run } = this;
    const last = run.keyframes.at(-1) ?? { bands: [], count: 0 };
    const bands = [];
    for (const band of last.bands) if (run.died[band] > moment) bands.push(band);
    for (let band = last.count; band < run.count; ++band)
      if (run.died[band] > moment) bands.push(band);
    run.keyframes.push({ moment, bands: Int32Array.from(bands), count: run.count });
  }
}
