// The operations of a trace: what a program asked for.

export const ALLOCATE = 0;
export const RESIZE = 1;
export const RELEASE = 2;
export const COMPACT = 3;

const READ_PER_TURN = 20_000;

/** `kinds`, `numbers` (of the allocation meant, from 0 on; -1 of a compaction) and `bytes` (asked
 * for; that a compaction may move, -1 for all) of each operation; `births` and `deaths` of each
 * allocation: the operations that made and freed it. */
export class Trace {
  constructor(description) {
    this.name = description.name;
    this.operations = description.operations;
    this.allocations = description.allocations;
    this.peak = description.peak; // operations played when it wants most
    this.siteNames = description.sites;
    this.kinds = new Uint8Array(this.operations);
    this.numbers = new Int32Array(this.operations);
    this.bytes = new Float64Array(this.operations);
    this.births = new Uint32Array(this.allocations);
    this.deaths = new Uint32Array(this.allocations).fill(this.operations);
    this.resizes = new Map(); // operations by allocation, of those that have any
    this.times = null; // microseconds
    this.threads = null;
    this.sites = null; // where in siteNames
  }

  /** Reads the columns, in turns. */
  *read(columns) {
    const optional = (column, Values) => (column.done ? null : new Values(this.operations));
    this.times = optional(columns.times, Float64Array);
    this.threads = optional(columns.threads, Uint32Array);
    this.sites = optional(columns.sites, Uint32Array);
    let allocations = 0;
    let time = 0;
    for (let at = 0; at < this.operations; ++at) {
      const kind = columns.kinds.next();
      let number = -1;
      if (kind === ALLOCATE) number = allocations++;
      else if (kind !== COMPACT) number = allocations - columns.blocks.next();
      this.kinds[at] = kind;
      this.numbers[at] = number;
      if (kind === COMPACT) this.bytes[at] = columns.bytes.next() - 1;
      else if (kind !== RELEASE) this.bytes[at] = columns.bytes.next();
      if (kind === ALLOCATE) this.births[number] = at;
      if (kind === RELEASE) this.deaths[number] = at;
      if (kind === RESIZE) this.addResize(number, at);
      if (this.times) this.times[at] = time += columns.times.nextSigned();
      if (this.threads) this.threads[at] = columns.threads.next();
      if (this.sites) this.sites[at] = columns.sites.next();
      if (at % READ_PER_TURN === 0) yield;
    }
  }

  addResize(number, at) {
    if (!this.resizes.has(number)) this.resizes.set(number, []);
    this.resizes.get(number).push(at);
  }

  /** An operation as the trace says it. */
  text(at) {
    if (this.kinds[at] === COMPACT) return this.compactionText(at);
    const letter = "arf"[this.kinds[at]];
    const asked =
      this.kinds[at] === RELEASE ? "" : `: ${this.bytes[at].toLocaleString("en-US")} bytes`;
    return `${letter} ${this.numbers[at].toLocaleString("en-US")}${asked}`;
  }

  compactionText(at) {
    const most = this.bytes[at];
    return most < 0 ? "c" : `c: at most ${most.toLocaleString("en-US")} bytes`;
  }

  /** The operations that resized an allocation. */
  resizesOf(number) {
    return this.resizes.get(number) ?? [];
  }
}
