// Long work in slices, so that the page answers in between.

const SLICE = 10; // milliseconds

const channel = new MessageChannel();
const waiting = [];
channel.port1.onmessage = () => waiting.shift()();

/** Lets the browser draw and handle what has happened. (Timers would make it wait longer.) */
export function pause() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(0);
  });
}

/** Runs a generator to its end, in slices; stops early when `isStale` says so. Returns whether it
 * came to the end. */
export async function inSlices(generator, isStale = () => false) {
  for (;;) {
    const end = performance.now() + SLICE;
    do {
      if (generator.next().done) return true;
    } while (performance.now() < end);
    await pause();
    if (isStale()) return false;
  }
}
