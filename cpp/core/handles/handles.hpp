#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/region/offset.hpp"

namespace rheap {

/// What a process knows of a block that it owns. Lives in the owner (a Python object, say), never
/// in the region: the word in the region is checked against it, never the other way round.
struct Handle {
  Offset payload;             ///< none once the block is given back
  std::uint64_t usable = 0;   ///< payload bytes reserved
  std::uint64_t bytes = 0;    ///< payload bytes asked for
  std::uint64_t align = 8;    ///< of the payload's offset; kept when the block is resized
  std::uint64_t seen_as = 0;  ///< an observer's number for it; 0 while the heap has none
  std::uint32_t object = 0;   ///< in a shared heap: its record
  Handle* next = nullptr;
  Handle* previous = nullptr;
};

/// The handles of one heap by 64 KiB windows of its region: a list for each window, so that a
/// handle goes in and out in constant time, and the handles of a range of the region are found
/// without looking at others. The table is reserved for the whole region; only the part whose
/// windows hold blocks takes memory. Behind it is room to sort the handles of one window.
class HandleTable {
 public:
  static constexpr std::uint64_t window_bytes = std::uint64_t{64} << 10;
  static constexpr std::size_t places_in_window = window_bytes / 8;

  explicit HandleTable(Offset region_end);
  ~HandleTable();
  HandleTable(const HandleTable&) = delete;
  HandleTable& operator=(const HandleTable&) = delete;

  void link(Handle& handle) {
    put(handle);
    ++count_;
  }
  void unlink(Handle& handle) {
    if (handle.next != nullptr) handle.next->previous = handle.previous;
    if (handle.previous != nullptr) {
      handle.previous->next = handle.next;
    } else {
      windows_[window_of(handle.payload)] = handle.next;
    }
    --count_;
  }
  [[nodiscard]] std::size_t count() const { return count_; }

  static std::size_t window_of(Offset place) { return place.value / window_bytes; }
  [[nodiscard]] Handle* in_window(std::size_t window) const { return windows_[window]; }

  /// Calls `visit(Handle&)` for the handles of the windows before and around `upto`, a place of
  /// the region.
  template <typename Visit>
  void for_each(Offset upto, Visit&& visit) const {
    for (std::size_t window = 0; window <= window_of(upto); ++window) {
      for (Handle* handle = windows_[window]; handle != nullptr; handle = handle->next) {
        visit(*handle);
      }
    }
  }

 private:
  friend class WindowOrder;
  friend class WindowPlaces;

  void put(Handle& handle) {
    Handle*& head = windows_[window_of(handle.payload)];
    handle.previous = nullptr;
    handle.next = head;
    if (head != nullptr) head->previous = &handle;
    head = &handle;
  }

  Handle** windows_;
  Handle** sorting_;
  std::size_t mapped_;
  std::size_t count_ = 0;
};

/// The handles of one window by their places in it. There is only one at a time of each table.
class WindowPlaces {
 public:
  explicit WindowPlaces(const HandleTable& table) : at_(table.sorting_) {}

  void clear() { taken_ = {}; }
  void add(Handle& handle) {
    const std::size_t place = place_of(handle.payload);
    taken_[place / 64] |= std::uint64_t{1} << place % 64;
    at_[place] = &handle;
  }
  /// The handle whose payload starts here, or nullptr.
  [[nodiscard]] Handle* find(Offset payload) const {
    const std::size_t place = place_of(payload);
    return (taken_[place / 64] >> place % 64 & 1) != 0 ? at_[place] : nullptr;
  }
  /// The first one at this place or behind it, or nullptr.
  [[nodiscard]] Handle* first_from(std::size_t place) const;

  static std::size_t place_of(Offset payload) {
    return payload.value % HandleTable::window_bytes / 8;
  }

 private:
  std::array<std::uint64_t, HandleTable::places_in_window / 64> taken_{};  ///< a bit for each
  Handle** at_;
};

/// The handles of one window in address order, each of which may be given another place before the
/// next one is asked for. As long as this lives those of the window are out of the table.
class WindowOrder {
 public:
  WindowOrder(HandleTable& table, std::size_t window);
  ~WindowOrder();
  WindowOrder(const WindowOrder&) = delete;
  WindowOrder& operator=(const WindowOrder&) = delete;

  /// nullptr when there is no other.
  Handle* next();

 private:
  HandleTable& table_;
  WindowPlaces places_;
  std::size_t from_ = 0;
  Handle* last_ = nullptr;
};

/// Finds the handles of blocks that are asked for window by window.
class HandleCursor {
 public:
  explicit HandleCursor(const HandleTable& table) : table_(table), places_(table) {}

  /// The handle whose payload starts here, or nullptr.
  Handle* find(Offset payload) {
    load(HandleTable::window_of(payload));
    return places_.find(payload);
  }
  /// The first one from this place on and before `end`, or nullptr.
  Handle* first_from(Offset place, Offset end);

 private:
  void load(std::size_t window);

  const HandleTable& table_;
  WindowPlaces places_;
  std::size_t window_ = ~std::size_t{0};
};

}  // namespace rheap
