#include "replay/list_watch.hpp"

#include <algorithm>

namespace rheap::replay {

namespace {

Splice splice_of(std::size_t list, const std::vector<Offset>& before,
                 const std::vector<Offset>& now) {
  const auto [from, to] = std::ranges::mismatch(before, now);
  auto before_end = before.end();
  auto now_end = now.end();
  while (before_end != from && now_end != to && *(before_end - 1) == *(now_end - 1)) {
    --before_end;
    --now_end;
  }
  return {list,
          static_cast<std::size_t>(from - before.begin()),
          static_cast<std::size_t>(before_end - from),
          {to, now_end}};
}

}  // namespace

std::vector<Splice> ListWatch::look() {
  const Memory memory(allocator_.region());
  std::vector<Splice> splices;
  std::vector<Offset> now;
  for (std::size_t list = 0; list < lists; ++list) {
    const Offset head = head_of(list);
    if (!head && known_[list].empty()) continue;
    now.clear();
    for (Offset block = head; block; block = memory.load_offset(next_link_of(block))) {
      now.push_back(block);
    }
    if (now == known_[list]) continue;
    splices.push_back(splice_of(list, known_[list], now));
    known_[list] = now;
  }
  return splices;
}

Offset ListWatch::head_of(std::size_t list) const {
  const HeapHeader& header = allocator_.region().header();
  if (list < quick_lists) return header.deferred.heads[list];
  if (list < quick_lists + index_lists) return header.index.heads[list - quick_lists];
  return header.list.head;
}

std::uint64_t ListWatch::least_size(std::size_t list) {
  if (list < quick_lists) return smallest_block + list * std::uint64_t{8};
  if (list == lists - 1) return 0;
  const std::size_t number = list - quick_lists;
  const std::size_t row = number / second_level;
  if (row == 0) return number * std::uint64_t{8};
  return (number % second_level + second_level) << (row + 2);
}

}  // namespace rheap::replay
