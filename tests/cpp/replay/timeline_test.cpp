#include "replay/timeline.hpp"

#include <algorithm>

#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using replay::Band;
using replay::Column;
using replay::Inspection;
using replay::Timeline;
using trace::Kind;
using trace::Trace;

namespace {

/// Two blocks of 64 bytes with their words; the first goes half-way.
Trace sample() {
  Trace trace("sample");
  trace.add({Kind::allocate, 0, 56}, 1);
  trace.add({Kind::allocate, 1, 56}, 2);
  trace.add({Kind::release, 0, 0}, 3);
  trace.add({Kind::resize, 1, 56}, 4);
  return trace;
}

}  // namespace

TEST("a timeline has a band for each block, from its birth to its death") {
  const Trace trace = sample();
  Inspection inspection(trace, {.capacity = 1 << 16});
  const std::vector<Band> bands = Timeline(inspection, 4, [](std::size_t) {}).bands();
  CHECK(bands.size() == 2);
  CHECK(bands[0].born == 0 && bands[0].died == 2 && bands[0].offset == 0);
  CHECK(bands[1].born == 1 && bands[1].died == 4 && bands[1].offset == 64);
  CHECK(bands[0].size == 64 && bands[0].asked == 56);
}

TEST("the curves follow what is live and what is free below the wilderness") {
  const Trace trace = sample();
  Inspection inspection(trace, {.capacity = 1 << 16});
  const Timeline timeline(inspection, 2, [](std::size_t) {});
  const std::vector<Column>& columns = timeline.columns();
  CHECK(columns[0].live.least == 64 && columns[0].live.most == 128 && columns[0].live.last == 128);
  CHECK(columns[0].free.most == 0 && columns[0].fragmentation.most == 0);
  CHECK(columns[1].live.most == 64 && columns[1].free.last == 64);
  CHECK(columns[1].extent.last == 128 && columns[1].utilisation.last == 56.0 / 128);
  CHECK(columns[1].fragmentation.last > 0);
}

TEST("a cell says how much of its bytes was live, and a little is never nothing") {
  const Trace trace = sample();
  Inspection inspection(trace, {.capacity = 1 << 16});
  const Timeline timeline(inspection, 2, [](std::size_t) {});
  const std::vector<std::uint8_t> cells = timeline.raster(2, 128);
  CHECK(cells.size() == 4);
  CHECK(cells[0] == 255 && cells[1] == 0);  // the lower block, then its hole
  CHECK(cells[2] == 127 && cells[3] == 255);
  const std::vector<std::uint8_t> wide = timeline.raster(1, std::uint64_t{1} << 30);
  CHECK(std::ranges::all_of(wide, [](std::uint8_t cell) { return cell == 1; }));
}

TEST("a block that moves has a band at each of its places") {
  Trace trace = sample();
  trace.add({Kind::compact, 0, trace::Operation::unbounded}, 5);
  trace.add({Kind::release, 1, 0}, 6);
  Inspection inspection(trace, {.capacity = 1 << 16});
  const Timeline timeline(inspection, 6, [](std::size_t) {});
  const std::vector<Band> bands = timeline.bands();
  CHECK(bands.size() == 3);
  CHECK(bands[0].died == 2 && !bands[0].moved_from && !bands[0].moved_to);
  CHECK(bands[1].born == 1 && bands[1].died == 4 && bands[1].moved_to == 0U);
  CHECK(bands[2].born == 4 && bands[2].died == 5 && bands[2].moved_from == 64U);
  CHECK(bands[2].offset == 0 && bands[2].size == 64 && bands[2].asked == 56);
  CHECK(!bands[1].moved_from && !bands[2].moved_to);
  const std::vector<Column>& columns = timeline.columns();
  CHECK(columns[4].live.last == 64 && columns[4].extent.last == 64 && columns[4].free.last == 0);
  CHECK(columns[4].fragmentation.last == 0 && columns[5].extent.last <= 64);
}
