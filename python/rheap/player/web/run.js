// A run of a trace on one heap: every block of the region from its birth to its death.
//
// A band is a block as long as it stays the same: its place, size and state. A moment is counted in
// operations played, so a band exists at the moment n when born <= n < died.

import { BandReader } from "./band_reader.js";
import { UNIT } from "./layout.js";

const PLAYED_PER_TURN = 5_000;

export class Run {
  constructor(description, trace) {
    Object.assign(this, description); // policy, coalesce, capacity, figures
    this.trace = trace;
    this.operations = trace.operations;
    this.isRead = false;
    this.refusals = []; // operations
    this.count = 0; // of bands read
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
    this.top = new Float64Array(this.operations + 1); // bytes below the wilderness
    this.asked = new Float64Array(this.operations + 1); // payload asked for by what is live
    this.largest = new Float64Array(this.operations + 1); // largest request once all is merged
    this.isRefused = new Uint8Array(this.operations);
    this.keyframes = [];
  }

  /** Reads the columns, in turns. */
  *read(columns) {
    this.makeRoom(columns.states.bytes.length);
    this.readRefusals(columns.refused);
    const reader = new BandReader(this, columns);
    reader.addKeyframe(0);
    for (let at = 0; at < this.operations; ++at) {
      reader.readOperation(at);
      if (at % PLAYED_PER_TURN === 0) yield;
    }
    this.splices = columns.splices;
    this.isRead = true;
  }

  readRefusals(column) {
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
    return sortedBy(
      this.place,
      this.bandsDuring(moment, () => true),
    );
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

  /** The operation that asked for what an allocation has at a moment. */
  requestOf(number, moment) {
    const served = (at) => at < moment && !this.isRefused[at];
    return this.trace.resizesOf(number).findLast(served) ?? this.trace.births[number];
  }

  /** The band at a place (in units) at a moment, or -1 for the wilderness. */
  bandAt(moment, place) {
    const covers = (band) =>
      this.place[band] <= place && place < this.place[band] + this.size[band];
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
