#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "replay/inspection.hpp"
#include "replay/list_watch.hpp"
#include "replay/tile_watch.hpp"
#include "replay/varints.hpp"

namespace rheap::replay {

/// What each operation of a run changed, column by column: enough to rebuild every block of the
/// region after any of them. Places and sizes count units of 8 bytes, places from the first block.
///
/// A new block replaces what it covers, so deaths need no column. A compaction keeps the order of
/// live blocks: those that it made are, in their order, those that it replaced.
struct RunColumns {
  Varints births;  ///< of each operation: how many blocks it made or changed
  Varints places;  ///< of each birth: less what was expected, see `Narration`
  Varints sizes;   ///< of each birth: less that of the block which started there, if one did
  Varints states;  ///< of each birth: 0 live, 1 deferred, 2 free; 3 is a retreat: all from its
                   ///< place on is wilderness again
  Varints
      largest;  ///< of each operation: the largest request in bytes, less that of the one before
  Varints refused;  ///< the operations that were refused: each less the one before
  Varints splices;  ///< of each operation, in short runs: how many lists it changed; for each its
                    ///< number, from which member on, how many went, how many came, their places
};

/// Notes a run operation by operation, by comparing before with after.
class Narration {
 public:
  /// Before the first operation. `with_lists`: the free lists, too, which takes long.
  Narration(const Inspection& inspection, bool with_lists);

  /// After each operation. `largest`: payload bytes of the largest request once all is merged.
  void note(std::uint64_t largest);
  [[nodiscard]] const RunColumns& columns() const { return columns_; }

 private:
  Offset note_place(std::uint32_t slot);
  const std::vector<Birth>& look_after_moves();
  void note_births(const std::vector<Birth>& births, Offset had);
  void note_refusal();
  void note_lists();

  const Inspection& inspection_;
  TileWatch tiles_;
  std::optional<ListWatch> lists_;
  std::vector<Offset> places_;  ///< of the block of each slot of the trace: its word
  RunColumns columns_;
  std::uint64_t last_place_ = first_block.value;
  std::uint64_t last_largest_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t last_refused_ = 0;
};

}  // namespace rheap::replay
