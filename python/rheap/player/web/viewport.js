// What part of a run the picture shows: operations to the right, bytes up.

const FEWEST_OPERATIONS = 4;
const FEWEST_BYTES = 64;

/** `from` and `to` count operations, `low` and `high` bytes from the first block. */
export class Viewport {
  constructor(operations, extent) {
    this.operations = operations;
    this.extent = extent;
    this.showAll();
  }

  showAll() {
    Object.assign(this, { from: 0, to: this.operations, low: 0, high: this.extent });
  }

  /** Zooms about a point, given as parts of the width (from the left) and of the height (from
   * below). A factor below 1 comes closer. */
  zoom(across, up, factorAcross, factorUp = 1) {
    [this.from, this.to] = zoomed(
      this.from,
      this.to,
      across,
      factorAcross,
      FEWEST_OPERATIONS,
      this.operations,
    );
    [this.low, this.high] = zoomed(this.low, this.high, up, factorUp, FEWEST_BYTES, this.extent);
  }

  /** Moves by parts of what is shown. */
  pan(across, up) {
    [this.from, this.to] = moved(this.from, this.to, across, this.operations);
    [this.low, this.high] = moved(this.low, this.high, up, this.extent);
  }

  /** Moves as little as needed to show an operation. */
  follow(operation) {
    const span = this.to - this.from;
    if (operation <= this.from) this.pan((operation - 1 - this.from) / span - 0.1, 0);
    else if (operation > this.to) this.pan((operation - this.to) / span + 0.1, 0);
  }

  /** Shows a block from birth to death, with some room around it. */
  frame(from, to, low, high) {
    const across = Math.max((to - from) * 0.25, FEWEST_OPERATIONS / 2);
    const up = Math.max((high - low) * 1.5, FEWEST_BYTES / 2);
    [this.from, this.to] = clamped(from - across, to + across, FEWEST_OPERATIONS, this.operations);
    [this.low, this.high] = clamped(low - up, high + up, FEWEST_BYTES, this.extent);
  }

  copy() {
    return Object.assign(Object.create(Viewport.prototype), this);
  }

  equals(other) {
    return ["from", "to", "low", "high"].every((side) => this[side] === other[side]);
  }
}

function clamped(from, to, least, most) {
  const span = Math.min(Math.max(to - from, Math.min(least, most)), most);
  const middle = (from + to) / 2;
  const start = Math.min(Math.max(middle - span / 2, 0), most - span);
  return [start, start + span];
}

function zoomed(from, to, part, factor, least, most) {
  const span = Math.min(Math.max((to - from) * factor, Math.min(least, most)), most);
  const fixed = from + (to - from) * part;
  const start = Math.min(Math.max(fixed - span * part, 0), most - span);
  return [start, start + span];
}

function moved(from, to, part, most) {
  const span = to - from;
  const start = Math.min(Math.max(from + span * part, 0), most - span);
  return [start, start + span];
}
