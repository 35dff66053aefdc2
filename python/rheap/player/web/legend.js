// What the colours and lines mean.

import { signOf } from "./colours.js";
import { CURVES, strokeOf } from "./curves.js";
import { byId, make } from "./elements.js";
import { shortened } from "./text.js";

const KINDS = ["word", "live", "deferred", "free", "wilderness"];

export function drawLegend(colouring, coloured) {
  const kinds = coloured === "state" ? KINDS : ["deferred", "free", "wilderness"];
  const items = kinds.map((kind) => kindItem(kind, colouring, coloured));
  if (coloured !== "state") {
    items.unshift(...colouring.classes.map(({ name, colour }) => item(colour, name)));
  }
  byId("legend").replaceChildren(...items);
}

function kindItem(kind, colouring, coloured) {
  const { sign, name, colour } = signOf(kind);
  const shown = coloured === "state" ? colour : (colouring[kind] ?? colour);
  const made = item(shown, name, sign);
  if (kind === "wilderness") made.firstElementChild.style.opacity = "0.4";
  return made;
}

function item(colour, name, sign = "") {
  const swatch = make("i", { className: "swatch" });
  swatch.style.background = colour;
  const label = sign ? [make("code", { text: sign }), ` ${name}`] : [shortened(name)];
  return make("li", { title: name }, swatch, make("span", {}, ...label));
}

export function drawCurveLegend() {
  const items = CURVES.map((curve) => {
    const { colour, dashes } = strokeOf(curve);
    const line = make("i", { className: "line" });
    line.style.borderTopColor = colour;
    line.style.borderTopStyle = dashes.length === 0 ? "solid" : dashes[0] < 4 ? "dotted" : "dashed";
    return make("li", {}, line, make("span", { text: curve.name }));
  });
  byId("curve-legend").replaceChildren(...items);
}
