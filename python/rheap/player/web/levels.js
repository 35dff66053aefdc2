// The least and the most of a quantity in blocks of moments, so that wide pixels need not look at
// each.

const BLOCK = 64; // moments

export class Levels {
  /** Of a function of a moment, from 0 to `last`. */
  constructor(value, last) {
    this.values = new Float32Array(last + 1);
    const blocks = Math.floor(last / BLOCK) + 1;
    this.least = new Float32Array(blocks).fill(Infinity);
    this.most = new Float32Array(blocks).fill(-Infinity);
    for (let at = 0; at <= last; ++at) {
      const block = Math.floor(at / BLOCK);
      const now = value(at);
      this.values[at] = now;
      if (now < this.least[block]) this.least[block] = now;
      if (now > this.most[block]) this.most[block] = now;
    }
  }

  /** The least and the most from one moment to another, both included. */
  range(first, last) {
    let [least, most] = [Infinity, -Infinity];
    let at = first;
    while (at <= last) {
      const block = Math.floor(at / BLOCK);
      const isWhole = at === block * BLOCK && at + BLOCK <= last + 1;
      const low = isWhole ? this.least[block] : this.values[at];
      const high = isWhole ? this.most[block] : this.values[at];
      if (low < least) least = low;
      if (high > most) most = high;
      at += isWhole ? BLOCK : 1;
    }
    return [least, most];
  }
}
