// The free lists at a moment, drawn as lists: which class, in which order.

import { make } from "./elements.js";
import { LIVE, UNIT } from "./layout.js";
import { blockOffset, count, plural } from "./text.js";

const MOST_MEMBERS = 24; // of a list; what is left out is counted
const MOST_LISTS = 40;

/** The lists of a run at a moment. Each change knows what it took away, so it can be undone. */
export class Lists {
  constructor(run, sizes) {
    this.run = run;
    this.sizes = sizes; // the least that a block in each list has, in bytes
    this.members = new Map(); // by list: places of words, in units
    this.changes = [[]]; // of each operation, from 1 on
    this.moment = 0;
    for (let at = 0; at < run.operations; ++at) this.changes.push(this.readOperation());
  }

  readOperation() {
    const { splices } = this.run;
    const changes = [];
    for (let left = splices.next(); left > 0; --left) {
      const [list, at, removed, added] = [0, 0, 0, 0].map(() => splices.next());
      const places = Array.from({ length: added }, () => splices.next());
      const members = this.membersOf(list);
      changes.push({ list, at, came: places, went: members.splice(at, removed, ...places) });
    }
    ++this.moment;
    return changes;
  }

  membersOf(list) {
    if (!this.members.has(list)) this.members.set(list, []);
    return this.members.get(list);
  }

  goTo(moment) {
    while (this.moment < moment) {
      for (const { list, at, came, went } of this.changes[++this.moment]) {
        this.membersOf(list).splice(at, went.length, ...came);
      }
    }
    while (this.moment > moment) {
      for (const { list, at, came, went } of [...this.changes[this.moment]].reverse()) {
        this.membersOf(list).splice(at, came.length, ...went);
      }
      --this.moment;
    }
  }

  /** The lists that have members, by number, as [number, places]. */
  used() {
    return [...this.members]
      .filter(([, places]) => places.length > 0)
      .sort(([left], [right]) => left - right);
  }
}

/** Draws the lists into an element; `onLook` is told the places of the list that is pointed at. */
export function drawLists(element, lists, quickLists, onLook) {
  const used = lists.used();
  const shown = used
    .slice(0, MOST_LISTS)
    .map(([number, places]) => drawList(lists, number, places, quickLists, onLook));
  if (used.length === 0)
    shown.push(make("p", { className: "muted", text: "All lists are empty." }));
  if (used.length > MOST_LISTS) {
    shown.push(
      make("p", {
        className: "muted",
        text: `and ${plural(used.length - MOST_LISTS, "list")} more`,
      }),
    );
  }
  element.replaceChildren(...shown);
}

function drawList(lists, number, places, quickLists, onLook) {
  const isDeferred = number < quickLists;
  const kind = isDeferred ? "deferred" : "free";
  const name = nameOfList(lists.sizes, number, isDeferred);
  const first = places.slice(0, MOST_MEMBERS);
  const items = first.map((place) => drawMember(lists, place, kind, isDeferred));
  if (places.length > MOST_MEMBERS) {
    items.push(
      make("li", { className: "muted", text: `${count(places.length - MOST_MEMBERS)} more` }),
    );
  }
  const drawn = make(
    "div",
    { className: "list", tabIndex: 0 },
    make("h3", { text: name }),
    make("ol", {}, ...items),
  );
  for (const event of ["pointerenter", "focus"]) drawn.addEventListener(event, () => onLook(first));
  for (const event of ["pointerleave", "blur"]) drawn.addEventListener(event, () => onLook([]));
  return drawn;
}

function nameOfList(sizes, number, isDeferred) {
  if (isDeferred) return `deferred, ${count(sizes[number])}`;
  if (number === sizes.length - 1) return "free, by address";
  const [least, next] = [sizes[number], sizes[number + 1]];
  return next - least > UNIT && next > 0
    ? `free, ${count(least)} to ${count(next - UNIT)}`
    : `free, ${count(least)}`;
}

function drawMember(lists, place, kind, isDeferred) {
  const text = blockOffset(place * UNIT);
  const size = isDeferred ? "" : sizeAt(lists, place);
  return make("li", { className: `member ${kind}`, text: size ? `${text} · ${size}` : text });
}

function sizeAt(lists, place) {
  const { run } = lists;
  const band = run.bandAt(lists.moment, place);
  return band < 0 || run.state[band] === LIVE ? "" : count(run.size[band] * UNIT);
}
