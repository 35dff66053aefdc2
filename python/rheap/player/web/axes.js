// Round numbers along the edges of a picture.

import { make } from "./elements.js";
import { bytes, count, offset } from "./text.js";

/** Addresses beside a picture, operations below it. */
export function drawAxes({ addresses, operations }, scale, view) {
  const rows = binarySteps(view.low, view.high, Math.max(scale.height / 48, 2));
  addresses.replaceChildren(...rows.map((byte) => tick(offset(byte), "top", scale.y(byte))));
  const columns = roundSteps(view.from, view.to, Math.max(scale.width / 90, 2));
  operations.replaceChildren(...columns.map((at) => tick(count(at), "left", scale.x(at))));
}

/** Bytes on one side of the curves, parts on the other. */
export function drawCurveAxes({ amounts, parts }, height, most) {
  const y = (part) => height - part * (height - 2) - 1;
  const marks = binarySteps(0, most, 3);
  amounts.replaceChildren(
    ...marks.map((amount) => tick(amount === 0 ? "0" : bytes(amount), "top", y(amount / most))),
  );
  parts.replaceChildren(...[0, 0.5, 1].map((part) => tick(`${100 * part}%`, "top", y(part))));
}

function tick(text, side, at) {
  const label = make("span", { text });
  label.style[side] = `${at}px`;
  return label;
}

/** Round numbers between two values, at most so many: 1, 2, 5, 10, ... */
function roundSteps(from, to, most) {
  let step = 1;
  for (let power = 1; (to - from) / step > most; power *= 10) {
    for (const times of [1, 2, 5]) {
      step = power * times;
      if ((to - from) / step <= most) break;
    }
  }
  return multiples(from, to, step);
}

/** Multiples of a power of two between two numbers of bytes, at most so many. */
function binarySteps(from, to, most) {
  let step = 8;
  while ((to - from) / step > most) step *= 2;
  return multiples(from, to, step);
}

function multiples(from, to, step) {
  const found = [];
  for (let value = Math.ceil(from / step) * step; value <= to; value += step) found.push(value);
  return found;
}
