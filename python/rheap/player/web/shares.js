// Who asked for what is live at a moment, by site: a table, most bytes first.

import { make } from "./elements.js";
import { LIVE } from "./layout.js";
import { momentOf } from "./moment.js";
import { bytes, count, percent, shortened } from "./text.js";

const MOST_SHARES = 8; // lines; what is beyond stands in one more

/** A site has the blocks for whose present size it asked: by a resize, or their allocation. */
export function sharesAt(run, moment) {
  const { trace } = run;
  const shares = new Map();
  for (const band of momentOf(run, moment).bands) {
    if (run.state[band] !== LIVE) continue;
    const request = run.requestOf(run.owner[band], moment);
    const site = trace.sites[request];
    const share = shares.get(site) ?? { name: trace.siteNames[site], bytes: 0, blocks: 0 };
    share.bytes += trace.bytes[request];
    ++share.blocks;
    shares.set(site, share);
  }
  return [...shares.values()].sort((one, other) => other.bytes - one.bytes);
}

export function drawShares(table, run, moment) {
  const shares = sharesAt(run, moment);
  const all = shares.reduce((sum, share) => sum + share.bytes, 0);
  const most = shares.length > MOST_SHARES + 1 ? MOST_SHARES : shares.length;
  const rows = shares.slice(0, most).map((share) => shareRow(share, all));
  const others = shares.slice(most);
  if (others.length > 0) rows.push(shareRow(together(others), all));
  table.replaceChildren(make("tbody", {}, ...rows));
}

function together(shares) {
  const sum = (part) => shares.reduce((total, share) => total + share[part], 0);
  const name = `${count(shares.length)} other sites`;
  return { name, bytes: sum("bytes"), blocks: sum("blocks") };
}

function shareRow(share, all) {
  const name = share.name || "unknown site";
  return make(
    "tr",
    { title: `${name}: ${count(share.bytes)} bytes in ${count(share.blocks)} blocks` },
    make("th", { text: shortened(name), scope: "row" }),
    make("td", { text: bytes(share.bytes) }),
    make("td", { text: percent(all > 0 ? share.bytes / all : 0) }),
  );
}
