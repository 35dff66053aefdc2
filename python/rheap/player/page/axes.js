// Round numbers along the edges of a picture.

/** Round numbers between two values, at most so many: 1, 2, 5, 10, ... */
export function roundSteps(from, to, most) {
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
export function binarySteps(from, to, most) {
  let step = 8;
  while ((to - from) / step > most) step *= 2;
  return multiples(from, to, step);
}

function multiples(from, to, step) {
  const found = [];
  for (let value = Math.ceil(from / step) * step; value <= to; value += step) found.push(value);
  return found;
}
