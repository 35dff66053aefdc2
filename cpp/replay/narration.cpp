#include "replay/narration.hpp"

#include <utility>

namespace rheap::replay {

namespace {

constexpr std::uint64_t unit = 8;
constexpr std::uint64_t retreat = 3;

std::uint64_t units_to(Offset block) { return (block - first_block) / unit; }

}  // namespace

Narration::Narration(const Inspection& inspection, bool with_lists)
    : inspection_(inspection), tiles_(inspection.allocator()), places_(inspection.trace().slots()) {
  if (with_lists) lists_.emplace(inspection.allocator());
}

void Narration::note(std::uint64_t largest) {
  const Operation& played = inspection_.trace().operations()[inspection_.position() - 1];
  if (played.kind() == Kind::compact) {
    note_births(look_after_moves(), {});
  } else {
    const Offset had = note_place(played.slot());
    note_births(tiles_.look(had, places_[played.slot()]), had);
  }
  columns_.largest.add_difference(largest, std::exchange(last_largest_, largest));
  note_refusal();
  if (lists_) note_lists();
}

/// Of a slot's block: where its word is now. Returns where it was.
Offset Narration::note_place(std::uint32_t slot) {
  const Offset payload = inspection_.block(slot).payload;
  return std::exchange(places_[slot], payload ? block_of(payload) : Offset{});
}

const std::vector<Birth>& Narration::look_after_moves() {
  std::vector<std::uint64_t> places;
  for (const Inspection::Moved& each : inspection_.moved()) {
    note_place(each.slot);
    places.push_back(places_[each.slot].value);
  }
  return tiles_.look_after_moves(places);
}

/// The first block that an operation makes is expected where its own block was, or where the last
/// birth was; the others where the one before ends.
void Narration::note_births(const std::vector<Birth>& births, Offset had) {
  columns_.births.add(births.size());
  std::uint64_t expected = had ? had.value : last_place_;
  for (const auto& [tile, size_before] : births) {
    columns_.places.add_signed((static_cast<std::int64_t>(tile.place - expected)) /
                               static_cast<std::int64_t>(unit));
    columns_.sizes.add_signed(static_cast<std::int64_t>(tile.size - size_before) /
                              static_cast<std::int64_t>(unit));
    columns_.states.add(tile.size == 0 ? retreat : static_cast<std::uint64_t>(tile.state));
    last_place_ = tile.place;
    expected = tile.place + tile.size;
  }
}

void Narration::note_refusal() {
  if (inspection_.failed() == failed_) return;
  failed_ = inspection_.failed();
  const std::uint64_t number = inspection_.position() - 1;
  columns_.refused.add(number - std::exchange(last_refused_, number));
}

void Narration::note_lists() {
  const std::vector<Splice> splices = lists_->look();
  columns_.splices.add(splices.size());
  for (const Splice& splice : splices) {
    columns_.splices.add(splice.list);
    columns_.splices.add(splice.at);
    columns_.splices.add(splice.removed);
    columns_.splices.add(splice.added.size());
    for (const Offset block : splice.added) columns_.splices.add(units_to(block));
  }
}

}  // namespace rheap::replay
