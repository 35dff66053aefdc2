// What points into a picture: the playhead, and the bands of the block that is looked at.

import { boxOf } from "./bands.js";
import { prepareCanvas, styleColour } from "./elements.js";
import { scaleOf } from "./picture.js";

/** The bands in a run of what is looked at: an allocation, whichever run of its trace it was looked
 * at in; or a block that nobody has. */
export function bandsOfLooked(looked, run) {
  if (looked === null) return [];
  if (looked.number < 0) return looked.run === run ? [looked.band] : [];
  return looked.run.trace === run.trace ? run.bandsOf(looked.number) : [];
}

export function drawMarks(canvas, player, run) {
  const { pen } = prepareCanvas(canvas);
  const scale = scaleOf(canvas, player.view, Math.min(player.lastSeen, run.operations));
  drawPlayhead(pen, scale, player.moment);
  if (!run.isRead) return;
  for (const looked of [player.selected, player.hovered]) {
    for (const band of bandsOfLooked(looked, run)) drawLooked(pen, boxOf(run, band, scale));
  }
}

/** A line behind the last operation, and when near the operation itself. */
function drawPlayhead(pen, scale, moment) {
  pen.fillStyle = styleColour("playhead");
  if (scale.across > 3) {
    pen.globalAlpha = 0.16;
    pen.fillRect(scale.x(moment - 1), 0, scale.across, scale.height);
    pen.globalAlpha = 1;
  }
  pen.fillRect(scale.x(moment) - 1, 0, 2, scale.height);
}

function drawLooked(pen, { left, top, width, height }) {
  const [wide, high] = [Math.max(width, 2), Math.max(height, 2)];
  pen.fillStyle = styleColour("glow");
  pen.fillRect(left, top, wide, high);
  pen.strokeStyle = styleColour("text");
  pen.lineWidth = 2;
  pen.strokeRect(left - 1, top - 1, wide + 2, high + 2);
}
