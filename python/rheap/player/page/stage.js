// One run on the page: its picture, its curves, its map, and what points at them.

import { askedFor, boxOf } from "./bands.js";
import { binarySteps, roundSteps } from "./axes.js";
import { drawCurves, mostBytes } from "./curves.js";
import { make, prepareCanvas, styleColour } from "./elements.js";
import { listenToGestures } from "./gestures.js";
import { RegionMap } from "./map.js";
import { momentOf } from "./moment.js";
import { Picture, scaleOf } from "./picture.js";
import { LIVE, UNIT, WORD } from "./layout.js";
import { blockOffset, bytes, count, offset, percent } from "./text.js";
import { tellOperation } from "./words.js";

export class Stage {
  constructor(player, run, template, overview, onMapClick) {
    Object.assign(this, { player, run, pointed: -1 });
    this.element = template.content.firstElementChild.cloneNode(true);
    const part = (name) => this.element.querySelector(`[data-part="${name}"]`);
    for (const name of ["title", "told", "picture", "marks", "addresses", "curves", "amounts", "parts", "operations", "map", "words", "note"]) {
      this[name] = part(name);
    }
    this.title.textContent = run.name;
    this.told.textContent = tellRun(run);
    this.drawing = new Picture(this.picture, run, (drawn) => this.tellDrawn(drawn));
    if (overview) this.drawing.useOverview(overview, player.view.copy());
    this.region = new RegionMap(this.map, run);
    const longest = offset(Math.max(...player.shown.map((each) => each.extent))).length;
    this.element.style.setProperty("--addresses", `${Math.max(0.46 * longest, 4.2)}rem`);
    this.listen(onMapClick);
  }

  listen(onMapClick) {
    listenToGestures(this.marks, this.player, {
      onPoint: (x, y) => this.point(x, y),
      onClick: (x, y) => this.click(x, y),
      onLeave: () => this.player.set("hovered", null),
    });
    this.map.addEventListener("click", (event) => {
      const place = this.region.placeAt(event.offsetX, event.offsetY);
      if (place >= 0 && this.run.isRead) onMapClick(this, place);
    });
    this.map.addEventListener("pointermove", (event) => {
      const place = this.region.scale ? this.region.placeAt(event.offsetX, event.offsetY) : -1;
      if (this.run.isRead) this.hover(place < 0 ? -1 : this.run.bandAt(this.player.moment, Math.floor(place / UNIT)));
    });
    this.map.addEventListener("pointerleave", () => this.player.set("hovered", null));
  }

  // --- pointing ---

  /** The band at a point of the picture, or -1. */
  bandAtPoint(x, y) {
    const { view } = this.player;
    const operation = Math.floor(view.from + (x / this.marks.clientWidth) * (view.to - view.from));
    const place = view.low + (1 - y / this.marks.clientHeight) * (view.high - view.low);
    if (!this.run.isRead || operation >= this.lastSeen()) return -1;
    return this.run.bandAt(operation + 1, Math.floor(place / UNIT));
  }

  /** The last moment that the page shows: a question hides what comes. */
  lastSeen() {
    const { player, run } = this;
    return player.isAsking ? Math.min(player.moment, run.operations) : run.operations;
  }

  /** Whether an allocation that is looked at is one of this run's trace, whichever run it was
   * looked at in. */
  knows(looked) {
    return looked.run.trace === this.run.trace;
  }

  point(x, y) {
    this.hover(this.bandAtPoint(x, y));
  }

  hover(band) {
    const number = band < 0 ? -1 : this.run.owner[band];
    const { hovered } = this.player;
    if (number < 0) return this.player.set("hovered", null);
    if (hovered && hovered.run === this.run && hovered.number === number) return;
    this.player.set("hovered", { run: this.run, number });
  }

  /** Frames the block at a place (in units), -1 for none, in the map. */
  pointAt(place) {
    this.pointed = place;
    this.drawMoment();
  }

  /** Moves the playhead, and looks at the block that is there. */
  click(x, y) {
    const { player } = this;
    if (player.isAsking || !this.run.isRead) return;
    const band = this.bandAtPoint(x, y);
    const { view } = player;
    player.goTo(Math.floor(view.from + (x / this.marks.clientWidth) * (view.to - view.from)) + 1);
    const number = band < 0 ? -1 : this.run.owner[band];
    player.set("selected", number < 0 ? null : { run: this.run, number });
  }

  // --- drawing ---

  drawPicture(colouring) {
    this.drawing.draw(this.player.view, colouring);
    this.drawAxes();
    this.drawCurves();
  }

  drawCurves() {
    const { run, player } = this;
    if (!run.isRead) return;
    drawCurves(this.curves, run, player.view, mostBytes(player.shown), this.lastSeen());
  }

  drawAxes() {
    const { view } = this.player;
    const scale = scaleOf(this.picture, view);
    const rows = binarySteps(view.low, view.high, Math.max(scale.height / 48, 2));
    this.addresses.replaceChildren(...rows.map((byte) => tick(offset(byte), "top", scale.y(byte))));
    const most = mostBytes(this.player.shown);
    const height = this.curves.clientHeight;
    const amounts = binarySteps(0, most, 3).map((amount) =>
      tick(amount === 0 ? "0" : bytes(amount), "top", height - (amount / most) * (height - 2) - 1),
    );
    this.amounts.replaceChildren(...amounts);
    const parts = [0, 0.5, 1].map((part) => tick(`${100 * part}%`, "top", height - part * (height - 2) - 1));
    this.parts.replaceChildren(...parts);
    const columns = roundSteps(view.from, view.to, Math.max(scale.width / 90, 2));
    this.operations.replaceChildren(...columns.map((at) => tick(count(at), "left", scale.x(at))));
  }

  /** The playhead, and the bands of what is looked at, above the picture. */
  drawMarks() {
    const { pen, width, height } = prepareCanvas(this.marks);
    const scale = scaleOf(this.marks, this.player.view);
    this.drawPlayhead(pen, scale);
    if (!this.run.isRead) return;
    for (const looked of [this.player.selected, this.player.hovered]) {
      if (looked && this.knows(looked)) this.drawLooked(pen, scale, looked.number);
    }
    if (this.player.isAsking) {
      pen.fillStyle = styleColour("field");
      const x = scale.x(this.player.moment) + 1;
      pen.fillRect(Math.max(x, 0), 0, width - Math.max(x, 0), height);
    }
  }

  drawPlayhead(pen, scale) {
    const { moment } = this.player;
    const left = scale.x(moment - 1);
    pen.fillStyle = styleColour("playhead");
    if (scale.across > 3) {
      pen.globalAlpha = 0.16;
      pen.fillRect(left, 0, scale.across, scale.height);
      pen.globalAlpha = 1;
    }
    pen.fillRect(scale.x(moment) - 1, 0, 2, scale.height);
  }

  drawLooked(pen, scale, number) {
    for (const band of this.run.bandsOf(number)) {
      const box = boxOf(this.run, band, scale);
      pen.fillStyle = styleColour("glow");
      pen.fillRect(box.left, box.top, Math.max(box.width, 2), Math.max(box.height, 2));
      pen.strokeStyle = styleColour("text");
      pen.lineWidth = 2;
      pen.strokeRect(box.left - 1, box.top - 1, Math.max(box.width, 2) + 2, Math.max(box.height, 2) + 2);
    }
  }

  drawMoment() {
    if (!this.run.isRead) return;
    const { player, run } = this;
    const moment = momentOf(run, player.moment);
    const bands = [player.selected, player.hovered]
      .filter((looked) => looked && this.knows(looked))
      .flatMap((looked) => run.bandsOf(looked.number));
    if (this.pointed >= 0) bands.push(run.bandAt(player.moment, this.pointed));
    this.region.draw(moment, new Set(bands));
    this.words.replaceChildren(...this.tellMoment());
    if (player.isAsking) this.drawCurves();
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
  tellDrawn({ bands, isExact }) {
    this.note.textContent = isExact
      ? `${count(bands)} blocks in view, each drawn.`
      : "Each pixel is the mean of the blocks in it; zoom in for single blocks.";
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

function tick(text, side, at) {
  const label = make("span", { text });
  label.style[side] = `${at}px`;
  return label;
}

function tellRun(run) {
  const { utilisation, ceiling, failed, requests } = run.placing;
  return (
    `peak utilisation ${percent(utilisation)} (${percent(ceiling)} of the ceiling), ` +
    `${count(failed)} of ${count(requests)} requests refused, heap of ${bytes(run.capacity)}, first block at ${blockOffset(0)}`
  );
}
