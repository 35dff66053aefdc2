// The curves below a picture: live and free in bytes, the largest request and utilisation as parts.
// Each pixel shows the least and the most that a quantity was.

import { colourOf } from "./colours.js";
import { prepareCanvas, styleColour } from "./elements.js";
import { Levels } from "./levels.js";

export const CURVES = [
  { name: "free", part: false, value: (run, at) => run.top[at] - run.live[at] },
  { name: "live", part: false, value: (run, at) => run.live[at] },
  {
    name: "largest request, of the heap",
    part: true,
    value: (run, at) => run.largest[at] / run.capacity,
  },
  {
    name: "utilisation",
    part: true,
    value: (run, at) => (run.top[at] > 0 ? run.asked[at] / run.top[at] : 0),
  },
];

/** How a curve is drawn: told apart by colour and by dashes. */
export function strokeOf({ name }) {
  if (name === "live") return { colour: styleColour("live-line"), dashes: [], width: 2 };
  if (name === "free") return { colour: styleColour("free-line"), dashes: [], width: 2 };
  if (name === "utilisation") return { colour: styleColour("text"), dashes: [6, 3], width: 1.2 };
  return { colour: colourOf("lingering"), dashes: [2, 3], width: 1.6 };
}

/** The highest that the axis of bytes must go. */
export function mostBytes(runs) {
  return Math.max(...runs.map((run) => run.extent), 1);
}

/** `until`: the last moment that is shown. */
export function drawCurves(canvas, run, view, most, until) {
  const { pen, width, height } = prepareCanvas(canvas);
  pen.lineJoin = "round";
  for (const curve of CURVES) {
    const { colour, dashes, width: thickness } = strokeOf(curve);
    pen.strokeStyle = colour;
    pen.lineWidth = thickness;
    pen.setLineDash(dashes);
    drawCurve(pen, run, view, curve, curve.part ? 1 : most, until, width, height);
  }
}

const keptLevels = new WeakMap(); // the levels of each run, by the name of the curve

function levelsOf(run, curve) {
  if (!keptLevels.has(run)) keptLevels.set(run, new Map());
  const levels = keptLevels.get(run);
  if (!levels.has(curve.name)) {
    levels.set(curve.name, new Levels((at) => curve.value(run, at), run.operations));
  }
  return levels.get(curve.name);
}

function drawCurve(pen, run, view, curve, most, until, width, height) {
  const levels = levelsOf(run, curve);
  const y = (value) => height - Math.min(value / most, 1) * (height - 2) - 1;
  const perPixel = (view.to - view.from) / width;
  pen.beginPath();
  for (let column = 0; column <= width; ++column) {
    const first = Math.max(Math.floor(view.from + column * perPixel), 0) + 1;
    const last = Math.min(Math.max(Math.floor(view.from + (column + 1) * perPixel), first), until);
    if (first > until) break;
    const [least, highest] = levels.range(first, last);
    pen.lineTo(column, y(least));
    if (highest > least) pen.lineTo(column, y(highest));
    pen.lineTo(column + 1, y(levels.values[last]));
  }
  pen.stroke();
}
