// Arrows from one block to the next, as the links of a list go.

const HEAD = 8; // pixels
const BEND = 12; // how far an arrow leaves the straight line, at the most

/** `halo`: a colour around the arrows, so that they are seen on any ground. */
export function drawArrows(pen, points, colour, halo) {
  for (const [at, from] of points.slice(0, -1).entries()) {
    drawArrow(pen, from, points[at + 1], colour, halo);
  }
}

function drawArrow(pen, from, to, colour, halo) {
  const [across, down] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(across, down) || 1;
  const part = Math.min(length / 6, BEND) / length;
  const bend = {
    x: (from.x + to.x) / 2 + down * part,
    y: (from.y + to.y) / 2 - across * part,
  };
  pen.strokeStyle = halo;
  pen.lineWidth = 4;
  strokeCurve(pen, from, bend, to);
  pen.strokeStyle = colour;
  pen.fillStyle = colour;
  pen.lineWidth = 1.5;
  strokeCurve(pen, from, bend, to);
  drawHead(pen, to, Math.atan2(to.y - bend.y, to.x - bend.x), halo);
}

function strokeCurve(pen, from, bend, to) {
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.quadraticCurveTo(bend.x, bend.y, to.x, to.y);
  pen.stroke();
}

function drawHead(pen, { x, y }, angle, halo) {
  pen.beginPath();
  pen.moveTo(x, y);
  for (const side of [-0.45, 0.45]) {
    pen.lineTo(x - HEAD * Math.cos(angle + side), y - HEAD * Math.sin(angle + side));
  }
  pen.closePath();
  pen.strokeStyle = halo;
  pen.lineWidth = 3;
  pen.stroke();
  pen.fill();
}
