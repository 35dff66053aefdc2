// A block's story, and the search for blocks.

import { byId, make } from "./elements.js";
import { UNIT } from "./layout.js";
import { bandsOfLooked } from "./marks.js";
import { findBlocks, parseQuery } from "./search.js";
import { tellHole, tellStory } from "./story_rows.js";
import { blockOffset, count, plural } from "./text.js";

export class Story {
  constructor(player) {
    this.player = player;
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.search(byId("query").value);
    });
    player.listen(["selected", "hovered"], () => this.draw());
    byId("story-show").addEventListener("click", () => this.show());
  }

  draw() {
    const looked = this.player.hovered || this.player.selected;
    byId("story-hint").hidden = looked !== null;
    byId("story-title").textContent = looked ? titleOf(looked) : "A block's story";
    const rows = looked ? this.rowsOf(looked) : [];
    const cells = rows.flatMap(([name, text]) => [
      make("dt", { text: name }),
      make("dd", { text }),
    ]);
    byId("story-rows").replaceChildren(...cells);
    byId("story-show").hidden = this.player.selected === null;
  }

  rowsOf({ run, number, band }) {
    return number >= 0 ? tellStory(run, number) : tellHole(run, band, this.player.lastSeen);
  }

  /** Brings the whole life of what is selected into view. */
  show() {
    const { selected } = this.player;
    const { run } = selected;
    const bands = bandsOfLooked(selected, run);
    if (bands.length === 0) return;
    const from = run.born[bands[0]] - 1;
    const to = Math.min(run.died[bands.at(-1)] - 1, run.operations);
    const low = Math.min(...bands.map((band) => run.place[band] * UNIT));
    const high = Math.max(...bands.map((band) => (run.place[band] + run.size[band]) * UNIT));
    this.player.changeView((view) => view.frame(from, to, low, high));
  }

  search(query) {
    const run = this.player.first;
    const test = parseQuery(query, run.trace);
    const list = byId("found");
    if (test === null) {
      byId("found-count").textContent =
        query.trim() === "" ? "" : "Search for a number, a size such as >4096, or a site.";
      list.replaceChildren();
      return;
    }
    const { found, total } = findBlocks(run.trace, test);
    const more = total > found.length ? `, the first ${count(found.length)} listed` : "";
    byId("found-count").textContent = `${plural(total, "block")}${more}`;
    list.replaceChildren(...found.map((number) => make("li", {}, this.result(run, number))));
    if (found.length > 0) this.select(run, found[0]);
  }

  result(run, number) {
    const asked = run.trace.bytes[run.trace.births[number]];
    const text = `${count(number)}: ${count(asked)} bytes, operation ${count(run.trace.births[number] + 1)}`;
    const button = make("button", { type: "button", text });
    button.addEventListener("click", () => this.select(run, number));
    return button;
  }

  /** Looks at a block, at the moment of its birth. */
  select(run, number) {
    this.player.set("selected", { run, number, band: -1 });
    if (!this.player.isAsking) this.player.goTo(run.trace.births[number] + 1);
  }
}

function titleOf({ run, number, band }) {
  return number >= 0
    ? `Block ${count(number)}`
    : `A hole at ${blockOffset(run.place[band] * UNIT)}`;
}
