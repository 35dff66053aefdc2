// One run on the page: its picture, its curves, its map, and what points at them.

import { drawAxes, drawCurveAxes } from "./axes.js";
import { askedFor } from "./bands.js";
import { drawCurves, mostBytes } from "./curves.js";
import { make } from "./elements.js";
import { listenToGestures } from "./gestures.js";
import { LIVE, UNIT, WORD } from "./layout.js";
import { RegionMap } from "./map.js";
import { bandsOfLooked, drawMarks } from "./marks.js";
import { momentOf } from "./moment.js";
import { Picture, scaleOf } from "./picture.js";
import { blockOffset, bytes, count, offset, percent, plural } from "./text.js";
import { tellOperation } from "./words.js";

export class Stage {
  /** `onPlace` is told of clicks on a place in bytes: in the map, and when it asks in the picture. */
  constructor(player, run, template, overview, onPlace) {
    Object.assign(this, { player, run, onPlace, chain: [] });
    this.element = template.content.firstElementChild.cloneNode(true);
    const part = (name) => this.element.querySelector(`[data-part="${name}"]`);
    for (const name of [
      "title",
      "told",
      "picture",
      "marks",
      "addresses",
      "curves",
      "amounts",
      "parts",
      "operations",
      "map",
      "words",
      "note",
    ]) {
      this[name] = part(name);
    }
    this.title.textContent = run.name;
    this.words.dataset.run = run.name;
    this.told.textContent = tellRun(run);
    this.drawing = new Picture(this.picture, run, (bands) => this.tellDrawn(bands));
    if (overview) this.drawing.useOverview(overview, player.view.copy());
    this.region = new RegionMap(this.map, run);
    const longest = offset(Math.max(...player.shown.map((each) => each.extent))).length;
    this.element.style.setProperty("--addresses", `${Math.max(0.46 * longest, 4.2)}rem`);
    this.listen();
  }

  listen() {
    listenToGestures(this.marks, this.player, {
      onPoint: (x, y) => this.point(x, y),
      onClick: (x, y) => this.click(x, y),
      onLeave: () => this.player.set("hovered", null),
    });
    this.map.addEventListener("click", (event) => {
      const place = this.region.placeAt(event.offsetX, event.offsetY);
      if (place >= 0 && this.run.isRead) this.onPlace(this, place);
    });
    this.map.addEventListener("pointermove", (event) => {
      const place = this.region.scale ? this.region.placeAt(event.offsetX, event.offsetY) : -1;
      if (this.run.isRead)
        this.hover(place < 0 ? -1 : this.run.bandAt(this.player.moment, Math.floor(place / UNIT)));
    });
    this.map.addEventListener("pointerleave", () => this.player.set("hovered", null));
  }

  // --- pointing ---

  /** The band at a point of the picture, or -1. */
  bandAtPoint(x, y) {
    const { operation, place } = this.whereIs(x, y);
    if (!this.run.isRead || operation >= this.lastSeen) return -1;
    return this.run.bandAt(operation + 1, Math.floor(place / UNIT));
  }

  get lastSeen() {
    return Math.min(this.player.lastSeen, this.run.operations);
  }

  point(x, y) {
    this.hover(this.bandAtPoint(x, y));
  }

  hover(band) {
    const looked = this.lookedAt(band);
    const { hovered } = this.player;
    const isSame =
      looked && hovered && ["run", "number", "band"].every((key) => looked[key] === hovered[key]);
    if (!isSame) this.player.set("hovered", looked);
  }

  /** What a band is looked at as: an allocation, or a block that nobody has; the wilderness is
   * nothing. */
  lookedAt(band) {
    if (band < 0) return null;
    const number = this.run.owner[band];
    return { run: this.run, number, band: number < 0 ? band : -1 };
  }

  /** Shows in the map the way through these places (in units): the blocks of a list. */
  showChain(places) {
    this.chain = places;
    this.drawMoment();
  }

  /** The operation, from 0 on, and the place in bytes at a point of the picture. */
  whereIs(x, y) {
    const { view } = this.player;
    return {
      operation: Math.floor(view.from + (x / this.marks.clientWidth) * (view.to - view.from)),
      place: view.low + (1 - y / this.marks.clientHeight) * (view.high - view.low),
    };
  }

  /** Moves the playhead, and looks at the block that is there; or answers a question. */
  click(x, y) {
    const { player } = this;
    if (!this.run.isRead) return;
    const { operation, place } = this.whereIs(x, y);
    if (player.isAsking) return this.onPlace(this, place);
    const band = this.bandAtPoint(x, y);
    player.goTo(operation + 1);
    player.set("selected", this.lookedAt(band));
  }

  // --- drawing ---

  drawPicture(colouring) {
    this.drawing.draw(this.player.view, colouring, this.lastSeen);
    this.drawAxes();
    this.drawCurves();
  }

  drawCurves() {
    const { run, player } = this;
    if (!run.isRead) return;
    drawCurves(this.curves, run, player.view, mostBytes(player.shown), this.lastSeen);
  }

  drawAxes() {
    drawAxes(this, scaleOf(this.picture, this.player.view, this.lastSeen), this.player.view);
    drawCurveAxes(this, this.curves.clientHeight, mostBytes(this.player.shown));
  }

  drawMarks() {
    drawMarks(this.marks, this.player, this.run);
  }

  drawMoment() {
    if (!this.run.isRead) return;
    const { player, run } = this;
    const moment = momentOf(run, player.moment);
    const looked = [player.selected, player.hovered];
    const bands = looked.flatMap((each) => bandsOfLooked(each, run));
    bands.push(...this.chain.map((place) => run.bandAt(player.moment, place)));
    this.region.draw(moment, new Set(bands), this.chain);
    this.words.ariaLive = player.isPlaying ? "off" : "polite"; // or it would be read out all along
    this.words.replaceChildren(...this.tellMoment());
  }

  /** The last operation in words, and the next one. */
  tellMoment() {
    const { run, player } = this;
    const at = player.moment - 1;
    if (at < 0) return [make("span", { text: "Before the first operation. " }), nextOf(run, 0)];
    if (at >= run.operations) return [make("span", { text: "The run has ended." })];
    const told = make("strong", { text: run.trace.text(at) });
    const why = make("span", { text: ` — ${tellOperation(run, at).join("; ")}. ` });
    const next = player.isAsking ? [] : [nextOf(run, at + 1)];
    return [make("span", { className: "number", text: `${count(at + 1)}. ` }), told, why, ...next];
  }

  /** Says what was summed up. */
  tellDrawn(bands) {
    this.note.textContent =
      bands === null
        ? "Each pixel is the mean of the blocks in it; zoom in for single blocks."
        : `${plural(bands, "block")} in view, each drawn.`;
  }

  /** What stands at a moment, for whoever wants it as numbers: [offset, capacity, state]. */
  blocksAt(moment) {
    const { run } = this;
    return Array.from(run.bandsAt(moment), (band) => [
      run.place[band] * UNIT,
      run.size[band] * UNIT - WORD,
      run.state[band],
      run.state[band] === LIVE ? askedFor(run, band) : 0,
    ]);
  }
}

function nextOf(run, at) {
  const text = at < run.operations ? `Next: ${run.trace.text(at)}.` : "It was the last one.";
  return make("span", { className: "muted next", text });
}

function tellRun(run) {
  const { utilisation, ceiling, failed, requests } = run.placing;
  return (
    `peak utilisation ${percent(utilisation)} (${percent(ceiling)} of the ceiling), ` +
    `${count(failed)} of ${count(requests)} requests refused, heap of ${bytes(run.capacity)}, first block at ${blockOffset(0)}`
  );
}
