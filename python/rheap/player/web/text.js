// Numbers and places as text, as the package's pictures write them.

import { WORD } from "./layout.js";

let firstBlock = 0; // of a region, in bytes

export function useFirstBlock(place) {
  firstBlock = place;
}

export function count(number) {
  return number.toLocaleString("en-US");
}

export function percent(part) {
  return `${(100 * part).toFixed(1)}%`;
}

/** Bytes in the largest unit that suits, to three digits. */
export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = number;
  while (value >= 1024 && unit + 1 < units.length) {
    value /= 1024;
    ++unit;
  }
  return `${unit === 0 ? count(value) : Number(value.toPrecision(3))} ${units[unit]}`;
}

/** A place in bytes from the first block, as an offset in the region. */
export function offset(place) {
  return `+0x${(firstBlock + place).toString(16)}`;
}

/** The offset of the payload of the block whose word stands at a place. */
export function blockOffset(place) {
  return offset(place + WORD);
}

export function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** A site with no more of its path than the last folder. */
export function shortened(name) {
  return name.replace(/^\S*\/(?=[^/\s]+\/[^/\s]+)/, "…/");
}
