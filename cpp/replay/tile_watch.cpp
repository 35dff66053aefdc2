#include "replay/tile_watch.hpp"

#include <algorithm>

namespace rheap::replay {

namespace {

/// From so many changed places on it is quicker to read everything.
constexpr std::size_t many = 64;

}  // namespace

const std::vector<Birth>& TileWatch::look(Offset had, Offset has) {
  begin_look();
  if (had) touched_.push_back(had.value);
  if (has && has != had) touched_.push_back(has.value);
  if (wilderness() > end_) touched_.push_back(end_);
  if (touched_.size() > many) {
    read_everything();
  } else {
    for (const std::uint64_t place : touched_) {
      if (place < wilderness()) read_around(place);
    }
    if (!sums_agree()) read_everything();
  }
  return end_look();
}

const std::vector<Birth>& TileWatch::look_after_moves(std::span<const std::uint64_t> places) {
  begin_look();
  read_everything(places);
  return end_look();
}

void TileWatch::begin_look() {
  births_.clear();
  touched_.clear();
  look_at_lists();
  note_retreat();
}

const std::vector<Birth>& TileWatch::end_look() {
  end_ = wilderness();
  std::ranges::sort(births_, {}, [](const Birth& birth) { return birth.tile.place; });
  return births_;
}

void TileWatch::note_retreat() {
  const std::uint64_t end = wilderness();
  if (end >= end_) return;
  for (auto gone = tiles_.lower_bound(end); gone != tiles_.end(); gone = tiles_.erase(gone)) {
    sum_of(gone->second).subtract(gone->second.size - word_bytes);
  }
  births_.push_back({{end, 0, State::free}, 0});
}

// --- the deferred blocks ------------------------------------------------------------------------

void TileWatch::look_at_lists() {
  const auto& heads = allocator_.region().header().deferred.heads;
  for (std::size_t list = 0; list < heads.size(); ++list) {
    if (heads[list] != heads_[list]) look_at_list(list, heads[list]);
  }
}

/// A list is a stack. An operation takes blocks from its top and adds at most one.
void TileWatch::look_at_list(std::size_t list, Offset head) {
  heads_[list] = head;
  std::vector<std::uint64_t>& waiting = waiting_[list];
  if (!head || was_deferred(head.value)) {
    take_out(waiting, head.value);
    return;
  }
  const Memory memory(allocator_.region());
  take_out(waiting, memory.load_offset(next_link_of(head)).value);
  waiting.push_back(head.value);
  touched_.push_back(head.value);
}

bool TileWatch::was_deferred(std::uint64_t place) const {
  const auto known = tiles_.find(place);
  return known != tiles_.end() && known->second.state == State::deferred;
}

void TileWatch::take_out(std::vector<std::uint64_t>& waiting, std::uint64_t until) {
  while (!waiting.empty() && waiting.back() != until) {
    touched_.push_back(waiting.back());
    waiting.pop_back();
  }
}

// --- the blocks ---------------------------------------------------------------------------------

bool TileWatch::may_have_changed(const Tile& tile) const {
  return tile.state == State::free || std::ranges::find(touched_, tile.place) != touched_.end();
}

Tile TileWatch::tile_at(std::uint64_t place) const {
  const Word word = allocator_.blocks().follow({place});
  return {place, word.size(), word.state()};
}

/// From the nearest block before this place that cannot have changed to the nearest one behind it.
void TileWatch::read_around(std::uint64_t place) {
  auto from = tiles_.upper_bound(place);
  while (from != tiles_.begin()) {
    --from;
    if (!may_have_changed(from->second)) break;
  }
  const std::uint64_t start = from == tiles_.end() ? first_block.value : from->first;
  std::uint64_t at = start;
  found_.clear();
  while (at < wilderness()) {
    const auto known = tiles_.find(at);
    if (at > place && known != tiles_.end() && !may_have_changed(known->second)) break;
    found_.push_back(tile_at(at));
    at += found_.back().size;
  }
  replace(start, at);
}

void TileWatch::read_everything(std::span<const std::uint64_t> moved) {
  found_.clear();
  allocator_.blocks().walk(
      [&](Offset block, Word word) { found_.push_back({block.value, word.size(), word.state()}); });
  replace(first_block.value, wilderness(), moved);
}

/// What was found takes the place of what was known between two places. A block that was moved is
/// another than the one that lay there.
void TileWatch::replace(std::uint64_t start, std::uint64_t end,
                        std::span<const std::uint64_t> moved) {
  auto known = tiles_.lower_bound(start);
  for (const Tile& tile : found_) {
    while (known != tiles_.end() && known->first < tile.place) {
      sum_of(known->second).subtract(known->second.size - word_bytes);
      known = tiles_.erase(known);
    }
    const bool was_here = known != tiles_.end() && known->first == tile.place;
    if (was_here && known->second == tile && !std::ranges::binary_search(moved, tile.place)) {
      ++known;
      continue;
    }
    births_.push_back({tile, was_here ? known->second.size : 0});
    sum_of(tile).add(tile.size - word_bytes);
    if (was_here) {
      sum_of(known->second).subtract(known->second.size - word_bytes);
      known->second = tile;
      ++known;
    } else {
      tiles_.emplace_hint(known, tile.place, tile);
    }
  }
  while (known != tiles_.end() && known->first < end) {
    sum_of(known->second).subtract(known->second.size - word_bytes);
    known = tiles_.erase(known);
  }
}

bool TileWatch::sums_agree() const {
  const Counters& count = allocator_.counters();
  const auto agrees = [this](State state, const Tally& tally) {
    const Tally& sum = sums_[static_cast<std::size_t>(state)];
    return sum.blocks == tally.blocks && sum.bytes == tally.bytes;
  };
  return agrees(State::live, count.live) && agrees(State::deferred, count.deferred) &&
         agrees(State::free, count.free);
}

}  // namespace rheap::replay
