// What happened to a block, as rows of a name and a text.

import { DEFERRED, UNIT } from "./layout.js";
import { blockOffset, count, plural } from "./text.js";
import { COMPACT } from "./trace.js";

/** A block that nobody has. `lastSeen`: the last moment that the page shows. */
export function tellHole(run, band, lastSeen) {
  const rows = [
    ["is", run.state[band] === DEFERRED ? "freed, and not merged yet" : "free, and merged"],
    ["size", `${count(run.size[band] * UNIT)} bytes with its word, at ${placeOf(run, band)}`],
    ["since", `operation ${count(run.born[band])}: ${run.trace.text(run.born[band] - 1)}`],
  ];
  const death = run.died[band];
  if (death > run.operations) rows.push(["until", "the end"]);
  else if (death <= lastSeen)
    rows.push(["until", `operation ${count(death)}: ${run.trace.text(death - 1)}`]);
  return rows;
}

/** An allocation. */
export function tellStory(run, number) {
  const { trace } = run;
  const birth = trace.births[number];
  const bands = run.bandsOf(number);
  const rows = [["born", `operation ${count(birth + 1)}${timeOf(trace, birth)}`]];
  if (bands.length === 0) return [...rows, ["refused", `${count(trace.bytes[birth])} bytes`]];
  rows.push(["asked", `${count(trace.bytes[birth])} bytes`]);
  rows.push([
    "taken",
    `${count(run.size[bands[0]] * UNIT)} bytes with its word, at ${placeOf(run, bands[0])}`,
  ]);
  rows.push(...tellChanges(run, number, bands));
  rows.push(["freed", tellFreed(trace, number)]);
  if (trace.threads) rows.push(["thread", count(trace.threads[birth])]);
  if (trace.sites) rows.push(["site", trace.siteNames[trace.sites[birth]] || "unknown"]);
  return rows;
}

function placeOf(run, band) {
  return blockOffset(run.place[band] * UNIT);
}

/** What became of it between its birth and its death, in turn. */
function tellChanges(run, number, bands) {
  const { kinds } = run.trace;
  const changes = run.trace
    .resizesOf(number)
    .map((at) => ({ at, row: ["resized", tellResized(run, bands, at)] }));
  bands.forEach((band, turn) => {
    const at = run.born[band] - 1;
    if (kinds[at] === COMPACT)
      changes.push({ at, row: ["moved", tellMoved(run, bands[turn - 1], band)] });
  });
  return changes.sort((one, other) => one.at - other.at).map(({ row }) => row);
}

function tellMoved(run, before, now) {
  return `operation ${count(run.born[now])}, from ${placeOf(run, before)} to ${placeOf(run, now)}`;
}

function tellResized(run, bands, at) {
  const asked = `operation ${count(at + 1)}, to ${count(run.trace.bytes[at])} bytes`;
  if (run.isRefused[at]) return `${asked}: refused`;
  const now = bands.find((band) => run.born[band] === at + 1);
  if (now === undefined) return `${asked}: fits as it is`;
  const before = bands[bands.indexOf(now) - 1];
  if (run.place[before] === run.place[now]) return `${asked}, in place`;
  return `${asked}, moved to ${placeOf(run, now)}`;
}

function tellFreed(trace, number) {
  const death = trace.deaths[number];
  if (death >= trace.operations) return "never: live at the end";
  const age = plural(death - trace.births[number], "operation");
  return `operation ${count(death + 1)}${timeOf(trace, death)}, after ${age}`;
}

function timeOf(trace, at) {
  if (!trace.times) return "";
  return `, ${((trace.times[at] - trace.times[0]) / 1e6).toFixed(3)} s`;
}
