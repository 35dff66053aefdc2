// A run at one moment: its blocks in address order, and its figures by the names of HeapStats.

import { DEFERRED, FREE, LIVE, SMALLEST_BLOCK, UNIT, WORD } from "./layout.js";

const lastMoments = new WeakMap(); // of each run the moment that was asked for last

export function momentOf(run, moment) {
  const at = Math.min(moment, run.operations);
  const last = lastMoments.get(run);
  if (last && last.at === at) return last;
  const bands = run.bandsAt(at);
  const made = { at, bands, figures: figuresOf(run, at, bands) };
  lastMoments.set(run, made);
  return made;
}

/** Free space, as cpp/core/free_space/free_space.hpp defines it. */
class FreeSpace {
  bytes = 0;
  largest = 0;

  add(hole) {
    if (hole < SMALLEST_BLOCK) return;
    this.bytes += hole;
    this.largest = Math.max(this.largest, hole);
  }

  get request() {
    return Math.max(this.largest - WORD, 0);
  }

  get fragmentation() {
    return this.bytes > 0 ? 1 - this.largest / this.bytes : 0;
  }
}

function figuresOf(run, at, bands) {
  const now = new FreeSpace();
  const merged = new FreeSpace();
  const blocks = [0, 0, 0]; // by state
  const payload = [0, 0, 0];
  let gap = 0;
  for (const band of bands) {
    const state = run.state[band];
    const size = run.size[band] * UNIT;
    ++blocks[state];
    payload[state] += size - WORD;
    if (state === LIVE) {
      merged.add(gap);
      gap = 0;
    } else {
      now.add(size);
      gap += size;
    }
  }
  const wilderness = run.capacity - run.top[at];
  now.add(wilderness);
  merged.add(gap + wilderness);
  return {
    live_bytes: payload[LIVE],
    live_blocks: blocks[LIVE],
    free_bytes: payload[FREE] + payload[DEFERRED],
    free_blocks: blocks[FREE] + blocks[DEFERRED],
    deferred_blocks: blocks[DEFERRED],
    wilderness_bytes: wilderness,
    largest_now: now.request,
    largest_merged: merged.request,
    fragmentation: now.fragmentation,
    fragmentation_merged: merged.fragmentation,
    utilisation: run.top[at] > 0 ? run.asked[at] / run.top[at] : 0,
  };
}
