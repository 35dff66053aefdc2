// The playhead: play, pause, step, jump, speed.

import { byId, make } from "./elements.js";
import { WORD } from "./layout.js";
import { count } from "./text.js";

const SPEEDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 20_000, 100_000];
const CONTROLS = ["start", "back", "play", "forward", "end", "operation-number", "scrubber"].concat(
  ["to-peak", "to-refusal", "to-fragmented"],
);
const WHOLE_RUN = 20; // seconds: the speed that is set at first plays it in about so many
const STILL = 500; // milliseconds from one picture to the next for readers who want little motion

export class Transport {
  constructor(player) {
    this.player = player;
    player.speed = SPEEDS.find((speed) => speed * WHOLE_RUN >= player.operations) || SPEEDS.at(-1);
    this.fillSpeeds();
    this.listen();
    player.listen(["moment", "runs", "data", "isAsking", "isPlaying"], () => this.draw());
  }

  fillSpeeds() {
    const options = SPEEDS.map((speed) =>
      make("option", { text: `${count(speed)}/s`, value: String(speed) }),
    );
    byId("speed").replaceChildren(...options);
    byId("speed").value = String(this.player.speed);
  }

  listen() {
    const { player } = this;
    const click = (id, work) => byId(id).addEventListener("click", work);
    click("start", () => this.jump(0));
    click("back", () => this.jump(player.moment - 1));
    click("play", () => this.toggle());
    click("forward", () => this.jump(player.moment + 1));
    click("end", () => this.jump(player.operations));
    click("to-peak", () => this.jump(this.peak()));
    click("to-refusal", () => this.jump(this.refusal()));
    click("to-fragmented", () => this.jump(this.mostFragmented()));
    byId("speed").addEventListener("change", (event) => {
      player.speed = Number(event.target.value);
    });
    byId("operation-number").addEventListener("change", (event) =>
      this.jump(Number(event.target.value)),
    );
    byId("scrubber").addEventListener("input", (event) => this.jump(Number(event.target.value)));
  }

  /** Stops, and goes there. */
  jump(moment) {
    this.stop();
    if (Number.isFinite(moment)) this.player.goTo(moment);
  }

  peak() {
    return this.player.first.trace.peak;
  }

  /** The first request that was refused, in any of the runs that are shown. */
  refusal() {
    const refusals = this.player.shown.flatMap((run) => run.refusals.slice(0, 1));
    return Math.min(...refusals) + 1; // Infinity, which is no moment, where there is none
  }

  /** Where the free bytes are most scattered once they are merged: of the first run. */
  mostFragmented() {
    const run = this.player.first;
    let [most, found] = [-1, 0];
    for (let at = 1; at <= run.operations; ++at) {
      const free = run.capacity - run.live[at];
      const part = free > 0 ? 1 - (run.largest[at] + WORD) / free : 0;
      if (part > most) [most, found] = [part, at];
    }
    return found;
  }

  toggle() {
    if (this.player.isPlaying) return this.stop();
    if (this.player.isAsking) return;
    if (this.player.moment >= this.player.operations) this.player.goTo(0);
    this.player.set("isPlaying", true);
    this.play(performance.now());
  }

  stop() {
    this.player.set("isPlaying", false);
  }

  play(last) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let due = this.player.moment;
    const frame = (now) => {
      if (!this.player.isPlaying) return;
      if (!still || now - last >= STILL) {
        due += ((now - last) / 1000) * this.player.speed;
        last = now;
        this.player.goTo(Math.floor(due));
      }
      if (this.player.moment >= this.player.operations) return this.stop();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  draw() {
    const { isPlaying, moment, operations, isAsking, shown } = this.player;
    byId("play").textContent = isPlaying ? "Pause" : "Play";
    byId("play").setAttribute("aria-pressed", String(isPlaying));
    const isClosed = isAsking || !shown.every((run) => run.isRead);
    for (const id of CONTROLS) byId(id).disabled = isClosed;
    for (const id of ["start", "back"]) byId(id).disabled ||= moment <= 0;
    for (const id of ["forward", "end"]) byId(id).disabled ||= moment >= operations;
    byId("to-refusal").disabled ||= this.refusal() > operations;
    for (const id of ["operation-number", "scrubber"]) {
      byId(id).max = String(operations);
      byId(id).value = String(moment);
    }
    byId("operation-count").textContent = `of ${count(operations)}`;
  }
}
