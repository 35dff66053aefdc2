// What the colour of a live block says: that it is live, its size, its age, its thread, its site.

import { styleColour } from "./elements.js";
import { DEFERRED, FREE, LIVE, UNIT, WORD } from "./layout.js";
import { bytes, count } from "./text.js";

let palette = null;

export function usePalette(described) {
  palette = described;
  for (const [kind, { colour }] of Object.entries(palette.kinds)) {
    document.documentElement.style.setProperty(`--${kind.replace(/\W+/g, "-")}`, colour);
  }
}

export function kindOf(state) {
  return ["live", "deferred", "free"][state];
}

export function colourOf(kind) {
  return palette.kinds[kind].colour;
}

export function signOf(kind) {
  return palette.kinds[kind];
}

export const COLOURINGS = [
  { name: "state", available: () => true, make: () => byState() },
  { name: "size", available: () => true, make: (run) => bySize(run) },
  { name: "age", available: () => true, make: (run) => byAge(run) },
  {
    name: "thread",
    available: (trace) => trace.threads,
    make: (run) => byName(run, run.trace.threads, (number) => `thread ${number}`),
  },
  {
    name: "site",
    available: (trace) => trace.sites,
    make: (run) =>
      byName(run, run.trace.sites, (number) => run.trace.siteNames[number] || "unknown site"),
  },
];

/** A way of colouring: `classes` with a colour and a name, and `classOf` each live band. `muted`:
 * what is free is grey, so that no colour means two things. */
class Colouring {
  constructor(classes, classOf, muted = true) {
    this.classes = classes;
    this.classOf = classOf;
    this.free = muted ? styleColour("idle") : colourOf("free");
    this.deferred = muted ? styleColour("waiting") : colourOf("deferred");
  }

  /** The CSS colour of a band. */
  css(run, band) {
    if (run.state[band] === FREE) return this.free;
    if (run.state[band] === DEFERRED) return this.deferred;
    return this.classes[this.classOf(band)].colour;
  }
}

function byState() {
  return new Colouring([{ name: "live", colour: colourOf("live") }], () => LIVE, false);
}

function scaled(names) {
  return names.map((name, at) => ({ name, colour: palette.scale[at] }));
}

/** Each step four times the one before. */
function bySize(run) {
  const limits = palette.scale.map((_, at) => 32 * 4 ** at);
  const names = limits.map((limit, at) =>
    at + 1 < limits.length ? `up to ${bytes(limit)}` : "larger",
  );
  return new Colouring(scaled(names), (band) => stepOf(run.size[band] * UNIT - WORD, limits));
}

/** How long a block lives, in operations, wherever it moves; each step eight times the one before. */
function byAge(run) {
  const limits = palette.scale.map((_, at) => 8 ** (at + 1));
  const names = limits.map((limit, at) =>
    at + 1 < limits.length ? `up to ${count(limit)} operations` : "longer",
  );
  const { births, deaths } = run.trace;
  const lifeOf = (number) => deaths[number] - births[number];
  return new Colouring(scaled(names), (band) => stepOf(lifeOf(run.owner[band]), limits));
}

function stepOf(value, limits) {
  let step = 0;
  while (step + 1 < limits.length && value > limits[step]) ++step;
  return step;
}

/** The names with most allocations have a colour each, all others one together. */
function byName(run, column, nameOf) {
  const totals = new Map();
  for (const birth of run.trace.births) {
    totals.set(column[birth], (totals.get(column[birth]) || 0) + 1);
  }
  const ordered = [...totals.keys()].sort((left, right) => totals.get(right) - totals.get(left));
  const named = ordered.slice(0, palette.names.length);
  const classes = named.map((number, at) => ({ name: nameOf(number), colour: palette.names[at] }));
  const others = ordered.length - named.length;
  if (others > 0) classes.push({ name: `${count(others)} others`, colour: palette.other });
  const classes_ = new Map(ordered.map((number, at) => [number, Math.min(at, classes.length - 1)]));
  return new Colouring(classes, (band) => classes_.get(column[run.trace.births[run.owner[band]]]));
}

/** Red, green and blue of a colour as #rrggbb, or as the browser writes it. */
export function channels(colour) {
  if (!colour.startsWith("#"))
    return colour
      .match(/[\d.]+/g)
      .slice(0, 3)
      .map(Number);
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}
