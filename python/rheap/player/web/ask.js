// Exercises: the page stops before an allocation, the reader says where it will go.

import { byId, make } from "./elements.js";
import { FREE, LIVE, UNIT } from "./layout.js";
import { momentOf } from "./moment.js";
import { blockOffset, count, plural } from "./text.js";
import { ALLOCATE } from "./trace.js";
import { tellOperation } from "./words.js";

const MOST_CHOICES = 12; // that have a button; all can be clicked in the map
const REFUSED = -2;
const WILDERNESS = -1;

export class Asking {
  constructor(player) {
    this.player = player;
    this.right = 0;
    this.answered = 0;
    this.question = null; // the number of the operation that is asked about
    byId("ask-next").addEventListener("click", () => this.next());
  }

  get run() {
    return this.player.first;
  }

  start() {
    this.right = this.answered = 0;
    this.player.goTo(0);
    this.next();
  }

  stop() {
    this.question = null;
    this.show("", []);
  }

  /** Goes to before the next allocation. */
  next() {
    const { kinds } = this.run.trace;
    let at = this.player.moment;
    while (at < this.run.operations && kinds[at] !== ALLOCATE) ++at;
    if (at >= this.run.operations) return this.finish();
    this.question = at;
    this.player.goTo(at);
    const asked = count(this.run.trace.bytes[at]);
    const text = `Operation ${count(at + 1)} asks for ${asked} bytes. Where will they go? Click there, or choose:`;
    this.show(text, this.choices());
  }

  /** What it may take: blocks without an owner, of which some may have to be merged first, the
   * wilderness, or nothing. */
  choices() {
    const { run } = this;
    const { bands } = momentOf(run, this.question);
    const holes = Array.from(bands).filter((band) => run.state[band] !== LIVE);
    const buttons = holes
      .slice(0, MOST_CHOICES)
      .map((band) => this.choice(nameOfBlock(run, band), band));
    buttons.push(this.choice("the wilderness", WILDERNESS));
    buttons.push(this.choice("it is refused", REFUSED));
    const left = holes.length - MOST_CHOICES;
    if (left > 0) buttons.push(make("p", { text: `${plural(left, "block")} more, in the map` }));
    return buttons;
  }

  choice(text, band) {
    const button = make("button", { text, type: "button" });
    button.addEventListener("click", () => this.answer(band));
    return button;
  }

  /** An answer by a click in the map, at a place in bytes. */
  answerAt(place) {
    if (this.question === null) return;
    const band = this.run.bandAt(this.question, Math.floor(place / UNIT));
    this.answer(band < 0 ? WILDERNESS : band);
  }

  answer(band) {
    const at = this.question;
    this.question = null;
    this.player.goTo(at + 1);
    const isRight = this.isRight(at, band);
    ++this.answered;
    if (isRight) ++this.right;
    const why = tellOperation(this.run, at).join("; ");
    this.show(`${isRight ? "Right" : `No, not ${this.tellChoice(band)}`}: ${why}.`, []);
    byId("ask-words").className = isRight ? "is-right" : "is-wrong";
    byId("ask-next").focus();
  }

  /** Whether the block went to where the chosen one lay. */
  isRight(at, band) {
    const { run } = this;
    if (run.isRefused[at]) return band === REFUSED;
    if (band === REFUSED) return false;
    const number = run.trace.numbers[at];
    const [made] = run.bandsOf(number);
    const start = run.place[made];
    if (band === WILDERNESS) return start * UNIT >= run.top[at];
    return run.place[band] <= start && start < run.place[band] + run.size[band];
  }

  tellChoice(band) {
    if (band === REFUSED) return "refused";
    return band === WILDERNESS ? "the wilderness" : nameOfBlock(this.run, band);
  }

  finish() {
    this.question = null;
    this.show("There is no allocation left.", []);
  }

  show(text, choices) {
    byId("ask-words").className = "";
    byId("ask-words").textContent = text;
    byId("ask-choices").replaceChildren(...choices);
    byId("ask-score").textContent = `${count(this.right)} of ${count(this.answered)} right`;
    byId("ask-next").disabled = this.question !== null;
  }
}

function nameOfBlock(run, band) {
  const what =
    run.state[band] === LIVE
      ? "the live block"
      : run.state[band] === FREE
        ? "the hole"
        : "the freed block";
  return `${what} at ${blockOffset(run.place[band] * UNIT)}, ${count(run.size[band] * UNIT)} bytes with its word`;
}
