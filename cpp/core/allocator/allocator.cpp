#include "core/allocator/allocator.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/region/fence.hpp"
#include "core/region/private_memory.hpp"
#include "core/system/refused.hpp"

namespace rheap {

namespace {

Hole hole_of(Block block) { return {block.start, block.word.size()}; }

/// What a block has beyond `size`, as a block of its own, or none when it is too small for one.
Block rest_of(Block block, std::uint64_t size) {
  const std::uint64_t rest = block.word.size() - size;
  if (rest < smallest_block) return {};
  return {block.start + size, {rest, State::deferred, false}};
}

}  // namespace

Allocator::Allocator(const Options& options)
    : region_(options.backing ? options.backing
                              : std::make_shared<PrivateMemory>(options.capacity)),
      placement_(region_, blocks_, options.policy, options.chooser),
      deferring_(options.coalesce == Coalesce::deferred),
      fenced_(options.fenced),
      overhead_(word_bytes + (fenced_ ? fence::fence_bytes : 0)),
      quick_bytes_(deferring_ && !fenced_ ? quick_limit - word_bytes + 1 : 0) {
  if (!region_.starts_afresh()) return;
  region_.header().fenced = fenced_ ? 1 : 0;
  region_.header().policy = static_cast<std::uint16_t>(options.policy);
}

// --- allocating ---------------------------------------------------------------------------------

[[gnu::noinline]] Allocation Allocator::allocate_slowly(std::uint64_t bytes, std::uint64_t align) {
  const std::uint64_t size = block_size_for(bytes);
  std::uint64_t dirty = bytes;  // the last owner of a deferred block may have written all of it
  Block block = deferring_ ? deferred_.pop(size, align) : Block{};
  if (block) {
    count().deferred.subtract(size - word_bytes);
    block.word = block.word.with(State::live);
    blocks_.mark(block.start, block.word);
  } else {
    const Offset fresh = blocks_.fresh();
    block = find_block({size, align});
    if (!block) refuse(bytes);
    const Offset payload = payload_of(block.start);
    dirty = fresh > payload ? std::min(fresh - payload, bytes) : 0;
  }
  const Allocation allocation = finish(block, bytes, dirty);
  check_self();
  return allocation;
}

[[gnu::always_inline]] inline Block Allocator::find_block(Request request) {
  try {
    if (const Hole hole = find_hole(request)) return take(hole, request);
  } catch (const SystemRefused&) {
    if (const Block block = take_at_last(request)) return block;
    throw;
  }
  return take_at_last(request);
}

/// Makes a block in a hole, or at the start of the wilderness.
[[gnu::always_inline]] inline Block Allocator::take(Hole hole, Request request) {
  const bool is_last = hole.start == blocks_.wilderness();
  const Block block = is_last ? take_wilderness(hole.start, request) : place(hole, request);
  placement_.took(block.end());
  return block;
}

Block Allocator::occupy(Hole hole, Request request) { return take(hole, request); }

/// Where a block can be made: a hole, at last the wilderness, or none.
[[gnu::always_inline]] inline Hole Allocator::find_hole(Request request) {
  if (const Hole hole = placement_.find(request)) return hole;
  if (merging_is_due(request)) {
    if (const Hole hole = placement_.choose(request, {})) return hole;
    merge_deferred(merges_per_growth);
    if (const Hole hole = placement_.find(request)) return hole;
  }
  return placement_.choose(request, placement_.wilderness());
}

/// Before the heap grows into fresh bytes, deferred blocks may be merged into a hole.
bool Allocator::merging_is_due(Request request) const {
  return !deferred_.empty() && blocks_.wilderness() + request.size > blocks_.fresh();
}

[[gnu::noinline]] Block Allocator::take_wilderness(Offset wilderness, Request request) {
  const Offset start = request.start_in(wilderness);
  std::uint64_t size = request.size;
  const std::uint64_t left = region_.end() - (start + size);
  if (left < smallest_block) size += left;
  reach(wilderness, start, start + size);
  const std::uint64_t gap = start - wilderness;
  if (gap > 0) add_free(blocks_.extend(wilderness, {gap, State::free, false}), gap);
  const Word word{size, State::live, gap > 0};
  return {blocks_.extend(start, word), word};
}

/// Makes a part of the wilderness usable, all of it one block's. If some of it is fresh, the heap
/// grows. Throws SystemRefused, and then nothing has changed.
[[gnu::always_inline]] inline void Allocator::reach(Offset wilderness, Offset start, Offset end) {
  const Offset fresh = blocks_.fresh();
  region_.reclaim(wilderness, end);  // a part of it may have gone back, when it was a hole
  region_.commit_for_block(std::max(start, fresh), end);
  if (end > fresh) {
    Memory::store(region_.header().deferred.owed, count().deferred.blocks);
  }
}

/// The request would be refused now. So any effort is right: merge everything, search everywhere.
[[gnu::cold, gnu::noinline]] Block Allocator::take_at_last(Request request) {
  const bool deferred = !deferred_.empty();
  merge_all_deferred();
  if (deferred) return find_block(request);  // once more, with nothing deferred
  const Hole hole = placement_.search(request);
  return hole ? place(hole, request) : Block{};
}

/// Makes a free block, or the aligned part of it, live; what is left on either side stays free.
[[gnu::always_inline]] inline Block Allocator::place(Hole hole, Request request) {
  const Offset start = request.start_in(hole.start);
  const std::uint64_t gap = start - hole.start;
  const std::uint64_t rest = hole.size - gap - request.size;
  const bool cut = rest >= smallest_block;
  region_.reclaim(hole.start, start + request.size + (cut ? smallest_block : rest));
  if (cut && gap == 0) return cut_front(hole, request.size);
  return use_up(hole, request);
}

/// As `place`, where nothing is left behind the block, or something before it.
[[gnu::noinline]] Block Allocator::use_up(Hole hole, Request request) {
  const Offset start = request.start_in(hole.start);
  const std::uint64_t gap = start - hole.start;
  const std::uint64_t rest = hole.size - gap - request.size;
  const bool cut = rest >= smallest_block;
  remove_free(hole.start, hole.size);
  region_.unpoison(hole.start, hole.size);
  const Block placed{start, {cut ? request.size : request.size + rest, State::live, gap > 0}};
  // The words inside first: the last store makes them true.
  if (cut) blocks_.mark(placed.end(), {rest, State::free, false});
  blocks_.mark(start, placed.word);
  if (gap > 0) {
    blocks_.mark(hole.start, {gap, State::free, false});
    add_free(hole.start, gap);
  }
  blocks_.work().split += (cut ? 1 : 0) + (gap > 0 ? 1 : 0);
  if (cut) {
    add_free(placed.end(), rest);
  } else {
    blocks_.tell(blocks_.next(placed, blocks_.wilderness()), false);
  }
  return placed;
}

/// As `place`, where it mostly ends: the block is the front of the hole, the rest a smaller hole.
[[gnu::always_inline]] inline Block Allocator::cut_front(Hole hole, std::uint64_t size) {
  const Hole rest{hole.start + size, hole.size - size};
  region_.unpoison(hole.start, size);
  change_free(hole, rest);
  const Word word{size, State::live, false};
  blocks_.mark(rest.start, {rest.size, State::free, false});
  blocks_.mark(hole.start, word);
  ++blocks_.work().split;
  return {hole.start, word};
}

[[gnu::cold]] void Allocator::refuse(std::uint64_t bytes) {
  merge_all_deferred();  // so that the largest request is the largest there can be
  Exhausted exhausted;
  exhausted.requested = bytes;
  exhausted.largest = largest_request();
  exhausted.free = count().free.bytes + wilderness_bytes();
  exhausted.free -= std::min(exhausted.free, overhead() - word_bytes);  // a fence of its own
  exhausted.capacity = region_.capacity();
  exhausted.overhead = overhead();
  throw exhausted;
}

// --- giving back ----------------------------------------------------------------------------

[[gnu::noinline]] void Allocator::release_slowly(Offset payload, std::uint64_t usable) {
  take_back(payload, usable);
  keep_up();
}

void Allocator::fill(Offset payload, std::uint64_t bytes, std::byte pattern) {
  std::memset(region_.address(payload), std::to_integer<int>(pattern), bytes);
}

std::uint64_t Allocator::verify_fence(Offset payload, std::uint64_t usable) const {
  const std::uint64_t whole = usable + fence::fence_bytes;
  const std::uint64_t bytes = fence::visible_bytes(region_.address(payload), whole);
  if (bytes == whole) BlockList::damaged(payload, "the fence behind a payload");
  return bytes;
}

void Allocator::raise_fence(Offset payload, std::uint64_t usable, std::uint64_t bytes) {
  fence::raise(region_.address(payload), usable + fence::fence_bytes, bytes);
}

void Allocator::work_off() {
  std::uint64_t& owed = region_.header().deferred.owed;
  if (owed > 0) {
    merge_deferred(merges_per_free);
    const std::uint64_t left = owed - std::min<std::uint64_t>(owed, merges_per_free);
    Memory::store(owed, std::min(left, count().deferred.blocks));  // no more than there are
  }
  if (purge_.is_due()) purge_.step(count().live.bytes);
}

void Allocator::verify_release(Offset payload, std::uint64_t usable) const {
  const Block block = verify_live(payload, usable);
  merges_at_once(block.word) ? verify_merge(block) : verify_neighbours(block);
}

/// The words on either side, which an overrun hits first.
void Allocator::verify_neighbours(Block block) const {
  static_cast<void>(blocks_.next(block, blocks_.wilderness()));
  if (block.word.after_free()) static_cast<void>(blocks_.previous(block.start));
}

/// Verifies everything that `merge` will rely on, so that `merge` finds no damage.
void Allocator::verify_merge(Block block) const {
  const Offset wilderness = blocks_.wilderness();
  Offset start = block.start;
  Offset end = block.end();
  const Block behind = blocks_.next(block, wilderness);
  if (behind && behind.word.state() == State::free) {
    placement_.verify_remove(behind.start, behind.word.size());
    end = behind.end();
  }
  if (block.word.after_free()) {
    const Block before = blocks_.previous(block.start);
    placement_.verify_remove(before.start, before.word.size());
    start = before.start;
  }
  if (end < wilderness) placement_.verify_insert(start, end - start);
}

/// Merges a block that is in no list with its free neighbours and lists the result, or gives it
/// to the wilderness. Returns the number of merges.
std::uint64_t Allocator::merge(Block block) {
  const Offset wilderness = blocks_.wilderness();
  const Block behind = blocks_.next(block, wilderness);
  const bool joins_behind = behind && behind.word.state() == State::free;
  const Hole after = joins_behind ? hole_of(behind) : Hole{block.end(), 0};
  const Hole before =
      block.word.after_free() ? hole_of(blocks_.previous(block.start)) : Hole{block.start, 0};
  const Hole whole{before.start, after.end() - before.start};
  const std::uint64_t merges = (before ? 1 : 0) + (after || !behind ? 1 : 0);
  if (!behind) {
    if (before) remove_free(before.start, before.size);
    region_.unpoison(whole.start, whole.size);  // first: from the retreat on it may be written to
    blocks_.retract(whole.start);
    if (before) blocks_.wipe(block.start);
    purge_.note_retreat(wilderness);
  } else {
    if (before && after) remove_free(after.start, after.size);
    blocks_.mark(whole.start, {whole.size, State::free, false});
    if (before) blocks_.wipe(block.start);
    if (after) blocks_.wipe(after.start);
    if (!after) blocks_.tell(behind, true);  // the one behind a hole knows already
    if (before || after) {
      change_free(before ? before : after, whole);
      poison_free(whole, hole_of(block));
    } else {
      add_free(whole.start, whole.size);
    }
  }
  blocks_.work().merged += merges;
  return merges;
}

/// Merges a block that has just left the deferred ones.
std::uint64_t Allocator::merge_left(Block block) {
  count().deferred.subtract(block.word.size() - word_bytes);
  return merge(block);
}

std::uint64_t Allocator::merge_deferred(std::uint64_t most) {
  std::uint64_t merges = 0;
  for (; most > 0; --most) {
    const Block block = deferred_.pop_largest();
    if (!block) break;
    ++blocks_.work().visited;
    merges += merge_left(block);
  }
  return merges;
}

std::uint64_t Allocator::merge_all_deferred() {
  const std::uint64_t merges = merge_deferred(std::numeric_limits<std::uint64_t>::max());
  const Tally& left = count().deferred;
  if (left.blocks != 0 || left.bytes != 0) {
    BlockList::damaged({}, "counters that agree with the lists");
  }
  return merges;
}

void Allocator::add_free(Offset block, std::uint64_t size) {
  region_.unpoison(block, smallest_block);
  region_.unpoison(footer_of(block, size), 8);
  blocks_.write_footer(block, size);
  placement_.insert(block, size);
  count().free.add(size - word_bytes);
  poison_free({block, size}, {block, size});
}

/// A free block has become another, with part of what it was and perhaps more.
[[gnu::always_inline]] inline void Allocator::change_free(Hole old, Hole made) {
  region_.unpoison(made.start, smallest_block);
  region_.unpoison(footer_of(made.start, made.size), word_bytes);
  placement_.replace(old, made);
  blocks_.write_footer(made.start, made.size);
  count().free.bytes += made.size - old.size;
}

/// Words, links and footers of a free block stay readable. Poisoned is what joined it, and what
/// that made needless at the ends of its neighbours; the rest of them is, and may be much.
void Allocator::poison_free(Hole whole, Hole joined) {
  const Offset start = std::max(whole.start + smallest_block, joined.start - word_bytes);
  const Offset end = std::min(footer_of(whole.start, whole.size), joined.end() + smallest_block);
  if (start < end) region_.poison(start, end - start);
}

void Allocator::remove_free(Offset block, std::uint64_t size) {
  placement_.remove(block, size);
  count().free.subtract(size - word_bytes);
}

std::uint64_t Allocator::defrag() {
  const std::uint64_t merges = merge_all_deferred();
  check_self();
  return merges;
}

std::uint64_t Allocator::trim() {
  merge_all_deferred();
  const std::uint64_t purged = purge_.all();
  check_self();
  return purged;
}

// --- resizing -------------------------------------------------------------------------------

Allocation Allocator::resize(Offset payload, std::uint64_t usable, std::uint64_t old_bytes,
                             std::uint64_t bytes, std::uint64_t align) {
  if (const auto here = resize_in_place(payload, usable, old_bytes, bytes)) return *here;
  try {
    const Allocation moved = allocate(bytes, align);
    verify_release(payload, usable);  // damage is found while this block is all that there is of it
    std::memcpy(region_.address(moved.payload), region_.address(payload),
                std::min(old_bytes, bytes));
    return moved;
  } catch (const Exhausted&) {
    // The refused request merged everything, perhaps the bytes right behind this block.
    if (const auto here = resize_in_place(payload, usable, old_bytes, bytes)) return *here;
    throw;
  }
}

std::optional<Allocation> Allocator::resize_in_place(Offset payload, std::uint64_t usable,
                                                     std::uint64_t old_bytes, std::uint64_t bytes) {
  Block block = verify_live(payload, usable);
  const std::uint64_t size = block_size_for(bytes);
  verify_neighbours(block);
  if (size > block.word.size() && !grow(block, size)) return std::nullopt;
  shrink(block, size);
  const std::uint64_t new_usable = block.word.size() - overhead();
  Counters& counted = count();
  counted.live.bytes += new_usable - usable;
  counted.peak_live_bytes = std::max(counted.peak_live_bytes, counted.live.bytes);
  if (fenced_) {
    if (bytes > old_bytes) fill(payload + old_bytes, bytes - old_bytes, fence::new_pattern);
    raise_fence(payload, new_usable, bytes);
  }
  check_self();
  return Allocation{payload, new_usable, bytes};
}

/// Takes in what is free behind the block, if that is enough. Throws Damage, and then nothing has
/// changed.
bool Allocator::grow(Block& block, std::uint64_t size) {
  const Offset wilderness = blocks_.wilderness();
  const Block behind = blocks_.next(block, wilderness);
  if (!behind) {
    std::uint64_t extra = std::max(size - block.word.size(), smallest_block);
    if (wilderness + extra > region_.end()) return false;
    const std::uint64_t left = region_.end() - (wilderness + extra);
    if (left < smallest_block) extra += left;
    try {
      reach(wilderness, wilderness, wilderness + extra);
    } catch (const SystemRefused&) {
      return false;  // a hole elsewhere may do; if not, asking for one says why
    }
    blocks_.extend(wilderness, {extra, State::free, false});
    blocks_.absorb(block.start, block.word, extra);
    return true;
  }
  const std::uint64_t more = behind.word.size();
  const Block whole{block.start, block.word.with_size(block.word.size() + more)};
  if (behind.word.state() != State::free || whole.word.size() < size) return false;
  placement_.verify_remove(behind.start, more);
  const Block beyond = blocks_.next(whole, wilderness);
  const Block rest = rest_of(whole, size);
  if (rest) verify_merge(rest);
  try {
    region_.reclaim(behind.start, rest ? rest.start + smallest_block : whole.end());
  } catch (const SystemRefused&) {
    return false;
  }
  remove_free(behind.start, more);
  region_.unpoison(behind.start, more);
  blocks_.absorb(block.start, block.word, more);
  blocks_.tell(beyond, false);
  return true;
}

/// Gives back what a live block has beyond `size`, when that is enough for a block. Throws Damage,
/// and then nothing has changed.
void Allocator::shrink(Block& block, std::uint64_t size) {
  const Block rest = rest_of(block, size);
  if (!rest) return;
  verify_merge(rest);
  blocks_.split(block.start, block.word, size, State::deferred);
  ++blocks_.work().split;
  block.word = block.word.with_size(size);
  if (fenced_) fill(payload_of(rest.start), rest.word.size() - word_bytes, fence::freed_pattern);
  merge(rest);  // at once: the block may grow again
}

}  // namespace rheap
