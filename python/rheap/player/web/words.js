// What an operation did, in words: found by comparing the blocks before it with those after it.

import { DEFERRED, FREE, LIVE, SMALLEST_BLOCK, UNIT } from "./layout.js";
import { blockOffset, bytes, count, plural } from "./text.js";
import { ALLOCATE, COMPACT, RELEASE } from "./trace.js";

/** The sentences of an operation, counted from 0. */
export function tellOperation(run, at) {
  if (at < 0 || at >= run.operations) return [];
  const change = new Change(run, at);
  const kind = run.trace.kinds[at];
  if (run.isRefused[at]) return [change.tellRefusal(), ...change.tellMerges()];
  if (kind === ALLOCATE) return [...change.tellAllocation()];
  if (kind === RELEASE) return [...change.tellRelease()];
  if (kind === COMPACT) return [change.tellCompaction()];
  return [...change.tellResize()];
}

/** The blocks that an operation made and ended, and what became of them. */
class Change {
  constructor(run, at) {
    Object.assign(this, { run, at, ...run.changesOf(at) });
    const number = run.trace.numbers[at];
    const isOwn = (band) => run.state[band] === LIVE && run.owner[band] === number;
    this.has = this.made.find(isOwn); // the block that the operation's allocation has now
    this.had = this.ended.find(isOwn); // and the one that it had
    this.source = this.has === undefined ? undefined : this.coverOf(this.has);
  }

  size(band) {
    return this.run.size[band] * UNIT;
  }

  place(band) {
    return blockOffset(this.run.place[band] * UNIT);
  }

  end(band) {
    return this.run.place[band] + this.run.size[band];
  }

  /** The block without an owner in whose bytes a new one starts. */
  coverOf(made) {
    const { run } = this;
    const start = run.place[made];
    return this.ended.find(
      (band) => run.state[band] !== LIVE && run.place[band] <= start && start < this.end(band),
    );
  }

  /** What was left of the block that the new one was cut from. */
  restOf(made) {
    return this.made.find(
      (band) => this.run.place[band] === this.end(made) && this.run.state[band] === FREE,
    );
  }

  *tellAllocation() {
    const { run, source, has } = this;
    if (
      source !== undefined &&
      run.state[source] === DEFERRED &&
      run.size[source] === run.size[has]
    ) {
      yield `takes the block of that very size that was freed last, at ${this.place(has)}`;
      return;
    }
    if (this.couldBeDeferred()) yield "nothing deferred of that size";
    yield* this.tellMerges();
    yield this.tellTaking();
  }

  couldBeDeferred() {
    return this.run.coalesce === "deferred" && this.size(this.has) <= this.run.quick_limit;
  }

  tellTaking() {
    const { source, has } = this;
    const size = count(this.size(has));
    if (source === undefined) return this.tellGrowth(size);
    const rest = this.restOf(has);
    const hole = this.holeAround(source);
    if (rest !== undefined) {
      return `splits the hole at ${hole.place} (${count(hole.size)}) into ${size} + ${count(this.size(rest))}`;
    }
    if (hole.size < this.size(has))
      return `takes ${size} bytes at ${this.place(has)}, up into the wilderness`;
    return `takes the whole hole at ${hole.place} (${count(hole.size)})`;
  }

  /** A policy may prefer the wilderness to a hole. */
  tellGrowth(size) {
    const { run, has, at } = this;
    const fits = (band) => run.state[band] === FREE && run.size[band] >= run.size[has];
    const holes = run.bandsDuring(at, fits).length;
    const taken = `takes ${size} bytes of the wilderness, at ${this.place(has)}`;
    return holes > 0
      ? `${taken}; ${plural(holes, "hole")} would do`
      : `no hole is large enough: ${taken}`;
  }

  /** A block without an owner, with those beside it that ended, too: merged, they were one. */
  holeAround(source) {
    const { run } = this;
    let [first, end] = [run.place[source], this.end(source)];
    for (const band of this.ended) {
      if (run.state[band] !== LIVE && run.place[band] === end) end = this.end(band);
    }
    for (const band of [...this.ended].reverse()) {
      if (run.state[band] !== LIVE && this.end(band) === first) first = run.place[band];
    }
    return { place: blockOffset(first * UNIT), size: (end - first) * UNIT };
  }

  *tellRelease() {
    const { run, had } = this;
    if (had === undefined) {
      yield "its allocation was refused, so there is nothing to free";
      return;
    }
    const result = this.made.find(
      (band) => run.place[band] <= run.place[had] && this.end(had) <= this.end(band),
    );
    yield this.tellReturn(result);
    yield* this.tellMerges(had);
  }

  /** What became of the bytes that a live block had. */
  tellReturn(result) {
    const { run, had } = this;
    const what = `${count(this.size(had))} bytes at ${this.place(had)}`;
    if (result === undefined) return `${what} join the wilderness`;
    if (run.state[result] === DEFERRED)
      return `${what} wait, unmerged, for a request of their size`;
    const sides = [];
    if (run.place[result] < run.place[had]) sides.push("before");
    if (this.end(had) < this.end(result)) sides.push("behind");
    if (sides.length === 0) return `${what} become a hole`;
    return `${what} merge with what is free ${sides.join(" and ")}: a hole of ${count(this.size(result))} at ${this.place(result)}`;
  }

  *tellResize() {
    const { run, has, had } = this;
    if (has === undefined) {
      yield run.bandsOf(run.trace.numbers[this.at]).length > 0
        ? "keeps its block: there is room in it"
        : "its allocation was refused, so there is nothing to resize";
      return;
    }
    if (had !== undefined && run.place[had] === run.place[has]) {
      const [before, now] = [this.size(had), this.size(has)];
      yield now > before
        ? `grows where it is, from ${count(before)} to ${count(now)} bytes`
        : `shrinks where it is, from ${count(before)} to ${count(now)} bytes`;
      return;
    }
    yield* this.tellAllocation();
    if (had !== undefined) {
      const result = this.made.find(
        (band) => run.place[band] <= run.place[had] && this.end(had) <= this.end(band),
      );
      yield `the contents are copied; ${this.tellReturn(result)}`;
    }
  }

  tellCompaction() {
    const moved = this.made.filter((band) => this.run.state[band] === LIVE);
    if (moved.length === 0) return `no block moved; ${this.tellHoles()}`;
    const bytes_ = moved.reduce((sum, band) => sum + this.size(band), 0);
    return `${plural(moved.length, "block")} slid down, ${count(bytes_)} bytes; ${this.tellHoles()}`;
  }

  /** What is free once the blocks have moved. */
  tellHoles() {
    const { run, at } = this;
    const holes = run.bandsDuring(at + 1, (band) => run.state[band] !== LIVE).length;
    if (holes > 0) return `${plural(holes, "hole")} left below the wilderness`;
    const wilderness = run.capacity - run.top[at + 1];
    return wilderness < SMALLEST_BLOCK ? "there is no hole" : "the free bytes are one hole now";
  }

  tellRefusal() {
    const { run, at } = this;
    const largest = run.largest[at + 1];
    return `refused: no hole has room for ${count(run.trace.bytes[at])} bytes, the largest request is ${bytes(largest)}`;
  }

  /** Deferred blocks that were merged in passing. */
  tellMerges(except) {
    const { run } = this;
    const waiting = this.ended.filter((band) => band !== except && run.state[band] === DEFERRED);
    if (waiting.length === 0) return [];
    return [`merges ${plural(waiting.length, "deferred block")}`];
  }
}
