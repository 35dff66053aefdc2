// Joins the parts: reads the data, then lets each part draw when what it shows has changed.

import { Asking } from "./ask.js";
import { COLOURINGS, usePalette } from "./colours.js";
import { readSection, splitColumns } from "./columns.js";
import { byId, make } from "./elements.js";
import { drawFigures } from "./figures.js";
import { listenToKeys } from "./keys.js";
import { UNIT } from "./layout.js";
import { drawCurveLegend, drawLegend } from "./legend.js";
import { drawLists, Lists } from "./lists.js";
import { readOverviews } from "./overview.js";
import { Player } from "./player.js";
import { Run } from "./run.js";
import { drawShares } from "./shares.js";
import { inSlices } from "./slices.js";
import { Stage } from "./stage.js";
import { Story } from "./story.js";
import { useFirstBlock } from "./text.js";
import { Trace } from "./trace.js";
import { Transport } from "./transport.js";

class Page {
  constructor(description, overviews) {
    this.description = description;
    this.overviews = overviews;
    const traces = description.traces.map((trace) => new Trace(trace));
    const runs = description.runs.map((run) => new Run(run, traces[run.trace]));
    this.traces = traces;
    this.player = new Player(runs);
    this.transport = new Transport(this.player);
    this.story = new Story(this.player);
    this.asking = new Asking(this.player);
    this.lists = new Map();
    this.colourings = new Map();
    this.listen();
    this.makeStages();
  }

  listen() {
    const { player } = this;
    player.listen(["view", "coloured", "runs", "data", "isAsking"], () => this.drawPictures());
    player.listen(["moment"], () => {
      if (player.isAsking) this.drawPictures(); // they end with the moment
    });
    player.listen(["view", "moment", "selected", "hovered", "runs", "data", "isAsking"], () =>
      this.drawMarks(),
    );
    player.listen(["moment", "selected", "hovered", "runs", "data", "isAsking"], () =>
      this.drawMoment(),
    );
    player.listen(["moment", "runs", "data"], () => this.drawFigures());
    player.listen(["coloured", "runs", "data"], () => this.drawLegends());
    window.addEventListener("resize", () => player.tell("data"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.colourings.clear();
      player.tell("data");
    });
    byId("whole").addEventListener("click", () => player.resetView());
    byId("closer").addEventListener("click", () =>
      player.changeView((view) => view.zoom(0.5, 0.5, 0.5, 0.5)),
    );
    byId("farther").addEventListener("click", () =>
      player.changeView((view) => view.zoom(0.5, 0.5, 2, 2)),
    );
    byId("coloured").addEventListener("change", (event) =>
      player.set("coloured", event.target.value),
    );
    byId("ask").addEventListener("change", (event) => this.setAsking(event.target.checked));
    for (const id of ["above", "below"])
      byId(id).addEventListener("change", () => this.chooseRuns());
  }

  setAsking(isAsking) {
    this.transport.stop();
    byId("asking").hidden = !isAsking;
    byId("finding").hidden = isAsking; // it would tell
    this.player.set("isAsking", isAsking);
    if (isAsking) this.asking.start();
    else this.asking.stop();
  }

  chooseRuns() {
    const numbers = [byId("above").value, byId("below").value].filter((value) => value !== "");
    this.player.showRuns(numbers.map((number) => this.player.runs[number]));
    this.makeStages();
    if (this.player.isAsking) this.asking.start();
  }

  fillChoices() {
    const { runs, shown } = this.player;
    const options = () =>
      runs.map((run, at) => make("option", { text: run.name, value: String(at) }));
    byId("above").replaceChildren(...options());
    byId("below").replaceChildren(make("option", { text: "nothing", value: "" }), ...options());
    byId("above").value = String(runs.indexOf(shown[0]));
    byId("below").value = shown.length > 1 ? String(runs.indexOf(shown[1])) : "";
    byId("choice").hidden = runs.length < 2;
    const available = COLOURINGS.filter((each) =>
      this.traces.every((trace) => each.available(trace)),
    );
    byId("coloured").replaceChildren(
      ...available.map(({ name }) => make("option", { text: name, value: name })),
    );
  }

  makeStages() {
    const { player } = this;
    this.stages = player.shown.map((run) => {
      const overview = this.overviews.get(player.runs.indexOf(run));
      return new Stage(player, run, byId("stage"), overview, (stage, place) =>
        this.clickPlace(stage, place),
      );
    });
    byId("stages").replaceChildren(...this.stages.map((stage) => stage.element));
    byId("stages").classList.toggle("two", this.stages.length > 1);
  }

  clickPlace(stage, place) {
    if (this.player.isAsking) {
      if (stage.run === this.player.first) this.asking.answerAt(place);
      return;
    }
    const band = stage.run.bandAt(this.player.moment, Math.floor(place / UNIT));
    this.player.set("selected", stage.lookedAt(band));
  }

  colouringOf(run) {
    const key = `${this.player.coloured} ${this.player.runs.indexOf(run)}`;
    if (!this.colourings.has(key)) {
      const { make: makeColouring } = COLOURINGS.find(({ name }) => name === this.player.coloured);
      this.colourings.set(key, makeColouring(run));
    }
    return this.colourings.get(key);
  }

  drawPictures() {
    for (const stage of this.stages)
      stage.drawPicture(stage.run.isRead ? this.colouringOf(stage.run) : null);
  }

  drawMarks() {
    for (const stage of this.stages) stage.drawMarks();
  }

  drawMoment() {
    for (const stage of this.stages) stage.drawMoment();
    this.drawLists();
  }

  drawFigures() {
    const { shown, moment } = this.player;
    if (!shown.every((run) => run.isRead)) return;
    drawFigures(byId("figures"), shown, moment);
    this.drawShares();
  }

  /** Of the first run, where its trace has sites. */
  drawShares() {
    const { first, moment } = this.player;
    byId("asked").hidden = !first.trace.sites;
    if (!first.trace.sites) return;
    byId("asked-title").textContent =
      this.stages.length > 1 ? `Who asked for it: ${first.name}` : "Who asked for it";
    drawShares(byId("shares"), first, moment);
  }

  drawLegends() {
    const { first, coloured } = this.player;
    if (!first.isRead) return;
    drawLegend(this.colouringOf(first), coloured);
    drawCurveLegend();
  }

  /** The lists of the first run, where the page has them. */
  drawLists() {
    const { first, moment } = this.player;
    const lists = this.lists.get(first);
    byId("lists").hidden = lists === undefined;
    if (lists === undefined) return;
    byId("list-title").textContent =
      this.stages.length > 1 ? `Free lists: ${first.name}` : "Free lists";
    lists.goTo(Math.min(moment, first.operations));
    drawLists(byId("list-rows"), lists, this.description.quick_lists, (places) =>
      this.stages[0].showChain(places),
    );
  }

  /** Reads what the page carries, and draws it when it is there. */
  async read() {
    for (const [at, trace] of this.traces.entries()) {
      await readInto(trace, `trace-${at}`, this.description.traces[at].columns);
    }
    for (const [at, run] of this.player.runs.entries()) {
      await readInto(run, `run-${at}`, this.description.runs[at].columns);
      if (run.has_lists) this.lists.set(run, new Lists(run, this.description.list_sizes));
      this.player.tell("data");
    }
    this.fillChoices();
    this.player.tell("runs");
    this.player.goTo(this.player.first.trace.peak);
    listenToKeys(this.player, this.transport);
    byId("panels").inert = false;
    document.body.dataset.state = "ready";
  }
}

async function readInto(target, section, lengths) {
  const columns = splitColumns(await readSection(section), lengths);
  await inSlices(target.read(columns));
}

async function start() {
  const description = JSON.parse(new TextDecoder().decode(await readSection("description")));
  usePalette(description.palette);
  useFirstBlock(description.first_block);
  const names = description.traces.map((trace) => trace.name).join(", ");
  byId("title").textContent = document.title = names;
  const page = new Page(description, await readOverviews(description));
  window.rheapPlayer = page; // for tests, and for the curious
  page.player.tell("data");
  document.body.dataset.state = "reading";
  await page.read();
}

start();
