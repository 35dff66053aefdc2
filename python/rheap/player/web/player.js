// What the page shows: which runs, at which moment, what part of them, what is looked at. Whoever
// draws something listens; all drawing of one change happens in one frame.

import { Viewport } from "./viewport.js";

export class Player {
  constructor(runs) {
    this.runs = runs;
    this.shown = runs.slice(0, 2); // one, or two with one playhead
    this.moment = 0;
    this.isPlaying = false;
    this.isAsking = false;
    this.speed = 1; // operations a second
    this.coloured = "state";
    this.selected = null; // a run, and in it the number of an allocation or, below 0, a band
    this.hovered = null;
    this.listeners = [];
    this.changed = new Set();
    this.resetView();
  }

  get operations() {
    return Math.max(...this.shown.map((run) => run.operations));
  }

  get first() {
    return this.shown[0];
  }

  /** The last moment that the page shows: a question hides what comes. */
  get lastSeen() {
    return this.isAsking ? this.moment : this.operations;
  }

  resetView() {
    this.view = new Viewport(this.operations, Math.max(...this.shown.map((run) => run.extent)));
    this.tell("view");
  }

  /** Calls `draw` in the next frame after something of these kinds has changed: moment, view, runs,
   * data, or one of the members that `set` sets. */
  listen(kinds, draw) {
    this.listeners.push({ kinds, draw });
  }

  tell(kind) {
    if (this.changed.size === 0) requestAnimationFrame(() => this.drawAll());
    this.changed.add(kind);
  }

  drawAll() {
    const { changed } = this;
    this.changed = new Set();
    for (const { kinds, draw } of this.listeners) {
      if (kinds.some((kind) => changed.has(kind))) draw();
    }
  }

  goTo(moment) {
    const whole = Math.min(Math.max(Math.round(moment), 0), this.operations);
    if (whole === this.moment) return;
    this.moment = whole;
    const before = this.view.from;
    this.view.follow(Math.max(whole, 1));
    if (this.view.from !== before) this.tell("view");
    this.tell("moment");
  }

  set(name, value) {
    if (this[name] === value) return;
    this[name] = value;
    this.tell(name);
  }

  showRuns(runs) {
    this.shown = runs;
    this.selected = this.hovered = null;
    this.moment = Math.min(this.moment, this.operations);
    this.resetView();
    for (const kind of ["runs", "moment", "selected", "hovered"]) this.tell(kind);
  }

  changeView(change) {
    change(this.view);
    this.tell("view");
  }
}
