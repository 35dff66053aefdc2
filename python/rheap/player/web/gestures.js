// Wheel, drag and pinch on a picture.

const WHEEL = 0.0016; // of the exponent for each pixel of a wheel
const CLICK = 4; // pixels: what moves less is a click

export function listenToGestures(element, player, { onPoint, onClick, onLeave }) {
  const pointers = new Map();
  let travelled = 0;

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      const amount = (event.deltaY || event.deltaX) * lines;
      // A pinch on a touch pad comes as ctrl and a wheel that hardly turns.
      const factor = Math.exp(amount * WHEEL * (event.ctrlKey ? 4 : 1));
      const [across, up] = parts(element, event.offsetX, event.offsetY);
      player.changeView((view) => {
        if (!event.ctrlKey && event.deltaX !== 0 && event.deltaY === 0 && !event.shiftKey) {
          view.pan(event.deltaX / element.clientWidth, 0);
        } else if (event.ctrlKey) {
          view.zoom(across, up, factor, factor);
        } else if (event.shiftKey) {
          view.zoom(across, up, 1, factor);
        } else {
          view.zoom(across, up, factor);
        }
      });
    },
    { passive: false },
  );

  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    if (pointers.size === 1) travelled = 0;
  });

  element.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (last === undefined) return onPoint(event.offsetX, event.offsetY);
    const now = [event.offsetX, event.offsetY];
    travelled += Math.hypot(now[0] - last[0], now[1] - last[1]);
    if (pointers.size === 2) pinch(element, player, pointers, event.pointerId, now);
    else if (travelled >= CLICK) drag(element, player, last, now);
    pointers.set(event.pointerId, now);
  });

  element.addEventListener("pointerup", (event) => {
    const wasOnly = pointers.size === 1;
    pointers.delete(event.pointerId);
    if (wasOnly && travelled < CLICK) onClick(event.offsetX, event.offsetY);
  });
  element.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
  element.addEventListener("pointerleave", onLeave);
  element.addEventListener("dblclick", (event) => {
    const [across, up] = parts(element, event.offsetX, event.offsetY);
    player.changeView((view) => view.zoom(across, up, 0.4, 0.4));
  });
}

function parts(element, x, y) {
  return [x / element.clientWidth, 1 - y / element.clientHeight];
}

function drag(element, player, last, now) {
  player.changeView((view) =>
    view.pan((last[0] - now[0]) / element.clientWidth, (now[1] - last[1]) / element.clientHeight),
  );
}

/** Two fingers: the point between them stays where it is, what is between them grows with it. */
function pinch(element, player, pointers, moved, now) {
  const [[, other]] = [...pointers].filter(([id]) => id !== moved);
  const last = pointers.get(moved);
  const apart = (point) => Math.max(Math.hypot(point[0] - other[0], point[1] - other[1]), 8);
  const factor = apart(last) / apart(now);
  const [across, up] = parts(element, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  player.changeView((view) => view.zoom(across, up, factor, factor));
}
