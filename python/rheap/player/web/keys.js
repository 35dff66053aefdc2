// The keyboard: everything that the mouse can do to the picture and the playhead.

import { byId } from "./elements.js";

const PAN = 0.2;
const CLOSER = 0.6;

/** By key what it does; the page lists them in the same words. */
function actions(player, transport) {
  const step = (by) => () => transport.jump(player.moment + by);
  const pan = (across, up) => () => player.changeView((view) => view.pan(across, up));
  const zoom = (across, up) => () => player.changeView((view) => view.zoom(0.5, 0.5, across, up));
  return {
    " ": () => transport.toggle(),
    k: () => transport.toggle(),
    ArrowRight: step(1),
    ArrowLeft: step(-1),
    PageDown: step(100),
    PageUp: step(-100),
    Home: () => transport.jump(0),
    End: () => transport.jump(player.operations),
    p: () => transport.jump(transport.peak()),
    r: () => transport.jump(transport.refusal()),
    f: () => transport.jump(transport.mostFragmented()),
    a: pan(-PAN, 0),
    d: pan(PAN, 0),
    w: pan(0, PAN),
    s: pan(0, -PAN),
    "+": zoom(CLOSER, 1),
    "=": zoom(CLOSER, 1),
    "-": zoom(1 / CLOSER, 1),
    "]": zoom(1, CLOSER),
    "[": zoom(1, 1 / CLOSER),
    0: () => player.resetView(),
    n: () => selectNeighbour(player, 1),
    b: () => selectNeighbour(player, -1),
    Escape: () => player.set("selected", null),
    "/": () => byId("query").focus(),
    g: () => byId("operation-number").select(),
  };
}

/** Looks at the block that was allocated next, or before. */
function selectNeighbour(player, by) {
  const run = player.first;
  const { selected, moment } = player;
  const last =
    selected && selected.number >= 0
      ? selected.number
      : run.trace.numbers[Math.max(moment - 1, 0)] - by;
  const number = Math.min(Math.max(last + by, 0), run.trace.allocations - 1);
  player.set("selected", { run, number, band: -1 });
}

function hasOwnKeys({ tagName, type }) {
  return tagName === "SELECT" || ["number", "search", "range"].includes(type);
}

function isPressed({ tagName, type }) {
  return tagName === "BUTTON" || tagName === "SUMMARY" || type === "checkbox";
}

/** Chooses an answer by its number. */
function answer(key) {
  const choices = byId("ask-choices").children;
  if (/^[1-9]$/.test(key) && Number(key) <= choices.length) choices[Number(key) - 1].click();
}

export function listenToKeys(player, transport) {
  const known = actions(player, transport);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (hasOwnKeys(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (isPressed(event.target) && (event.key === " " || event.key === "Enter")) return;
    if (player.isAsking) return answer(event.key);
    const action = known[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}
