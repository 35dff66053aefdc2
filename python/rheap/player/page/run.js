// A run of a trace on one heap: every block of the region from its birth to its death.
//
// A band is a block as long as it stays the same: its place, size and state. A moment is counted in
// operations played, so a band exists at the moment n when born <= n < died.

import { RELEASE, RESIZE } from "./trace.js";

export const LIVE = 0;
export const DEFERRED = 1;
export const FREE = 2;
const RETREAT = 3;

export const UNIT = 8; // bytes that places and sizes count
const PLAYED_PER_TURN = 5_000;
const LEAST_BIRTHS_PER_KEYFRAME = 4_096;
const LARGEST_ARRAY = 2 ** 24; // places: 64 MiB of numbers, 128 MiB of a region

export class Run {
  constructor(description, trace) {
    Object.assign(this, description); // policy, coalesce, capacity, figures
    this.trace = trace;
    this.operations = trace.operations;
    this.isRead = false;
    this.count = 0; // of bands read
    this.read_ = 0; // operations read
  }

  makeRoom(births) {
    const Places = this.extent / UNIT < 2 ** 32 ? Uint32Array : Float64Array;
    this.place = new Places(births);
    this.size = new Places(births);
    this.state = new Uint8Array(births);
    this.born = new Uint32Array(births);
    this.died = new Uint32Array(births).fill(2 ** 32 - 1);
    this.owner = new Int32Array(births).fill(-1); // the allocation that a live block is
    this.following = new Int32Array(births).fill(-1); // the next band of the same allocation
    this.firstOf = new Int32Array(this.trace.allocations).fill(-1); // of each allocation
    this.live = new Float64Array(this.operations + 1); // bytes of live blocks at each moment
    this.top = new Float64Array(this.operations + 1); // bytes from the first block to the wilderness
    this.asked = new Float64Array(this.operations + 1); // payload asked for by what is live
    this.largest = new Float64Array(this.operations + 1); // largest request once all is merged
    this.isRefused = new Uint8Array(this.operations);
    this.keyframes = [];
  }

  /** Reads the columns, in turns (see RunColumns in cpp/replay/narration.hpp). */
  *read(columns) {
    this.makeRoom(columns.states.bytes.length);
    this.readRefusals(columns.refused);
    const reader = new BandReader(this, columns);
    reader.addKeyframe(0);
    for (let at = 0; at < this.operations; ++at) {
      reader.readOperation(at);
      this.read_ = at + 1;
      if (at % PLAYED_PER_TURN === 0) yield;
    }
    this.splices = columns.splices;
    this.isRead = true;
  }

  readRefusals(column) {
    this.refusals = [];
    let at = 0;
    while (!column.done) {
      at += column.next();
      this.isRefused[at] = 1;
      this.refusals.push(at);
    }
  }

  /** The first band that is born after a moment. */
  firstBornAfter(moment) {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.born[middle] <= moment) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  keyframeBefore(moment) {
    let low = 0;
    let high = this.keyframes.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.keyframes[middle].moment <= moment) low = middle;
      else high = middle - 1;
    }
    return this.keyframes[low];
  }

  /** Where the bands are that exist at some time between two moments, both included: some of
   * `bands`, and some of those from number `first` to before `end`. */
  rangeBetween(from, to) {
    const keyframe = this.keyframeBefore(from);
    return { bands: keyframe.bands, first: keyframe.count, end: this.firstBornAfter(to) };
  }

  /** The bands that exist at a moment and pass a test, in no order. */
  bandsDuring(moment, test) {
    const { bands, first, end } = this.rangeBetween(moment, moment);
    const found = [];
    for (const band of bands) if (this.died[band] > moment && test(band)) found.push(band);
    for (let band = first; band < end; ++band) {
      if (this.died[band] > moment && test(band)) found.push(band);
    }
    return found;
  }

  /** The bands of a moment in address order. */
  bandsAt(moment) {
    return sortedBy(this.place, this.bandsDuring(moment, () => true));
  }

  /** The bands that an operation made, and those that it ended, each in address order. */
  changesOf(at) {
    const made = [];
    for (let band = this.firstBornAfter(at); this.born[band] === at + 1; ++band) made.push(band);
    const ended = this.bandsDuring(at, (band) => this.died[band] === at + 1);
    return { made, ended: [...sortedBy(this.place, ended)] };
  }

  /** The bands of an allocation, one behind the other. */
  bandsOf(number) {
    const found = [];
    for (let band = this.firstOf[number]; band >= 0; band = this.following[band]) found.push(band);
    return found;
  }

  /** The band at a place (in units) at a moment, or -1 for the wilderness. */
  bandAt(moment, place) {
    const covers = (band) => this.place[band] <= place && place < this.place[band] + this.size[band];
    const [found = -1] = this.bandsDuring(moment, covers);
    return found;
  }
}

/** Bands in address order. */
function sortedBy(place, bands) {
  const scale = 2 ** Math.ceil(Math.log2(bands.length + 1));
  // One number a band, its place above its number in `bands`: such numbers sort quickly.
  const keys = Float64Array.from(bands, (band, at) => place[band] * scale + at).sort();
  return Int32Array.from(keys, (key) => bands[key % scale]);
}

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

/** Rebuilds the bands: a new block ends those that it covers. */
class BandReader {
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
  }

  readOperation(at) {
    const { run, columns } = this;
    const number = run.trace.numbers[at];
    this.account(at, number);
    this.readBirths(at, number);
    if (run.trace.kinds[at] === RELEASE) this.homes[number] = -1;
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

  readBirths(at, number) {
    const { run, columns } = this;
    const home = this.homes[number];
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
      if (run.state[band] === LIVE) this.live -= run.size[band];
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
      run.owner[band] = number;
      if (this.homes[number] < 0) run.firstOf[number] = band;
      else run.following[this.homes[number]] = band;
      this.homes[number] = band;
      this.live += size;
    }
    this.bandAtPlace.set(place, band);
    this.top = Math.max(this.top, place + size);
  }

  addKeyframe(moment) {
    const { run } = this;
    const last = run.keyframes.at(-1) ?? { bands: [], count: 0 };
    const bands = [];
    for (const band of last.bands) if (run.died[band] > moment) bands.push(band);
    for (let band = last.count; band < run.count; ++band) if (run.died[band] > moment) bands.push(band);
    run.keyframes.push({ moment, bands: Int32Array.from(bands), count: run.count });
  }
}
