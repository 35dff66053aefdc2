// Finds blocks: by number, by size, by site.

const MOST_FOUND = 200;

/** What a query means: a test of an allocation, or null when it says nothing that can be found. */
export function parseQuery(text, trace) {
  const query = text.trim();
  if (query === "") return null;
  const sized = /^([<>]=?|=)\s*(\d+)$/.exec(query);
  if (sized) return sizeTest(sized[1], Number(sized[2]), trace);
  if (/^\d+$/.test(query)) return (number) => number === Number(query);
  if (!trace.sites) return null;
  const names = trace.siteNames.map((name) => name.toLowerCase().includes(query.toLowerCase()));
  return (number) => names[trace.sites[trace.births[number]]];
}

function sizeTest(sign, size, trace) {
  const compare = {
    "<": (asked) => asked < size,
    ">": (asked) => asked > size,
    "<=": (asked) => asked <= size,
    ">=": (asked) => asked >= size,
    "=": (asked) => asked === size,
  }[sign];
  return (number) => compare(trace.bytes[trace.births[number]]);
}

/** The first allocations that pass a test, and how many there are in all. */
export function findBlocks(trace, test) {
  const found = [];
  let total = 0;
  for (let number = 0; number < trace.allocations; ++number) {
    if (!test(number)) continue;
    if (++total <= MOST_FOUND) found.push(number);
  }
  return { found, total };
}
