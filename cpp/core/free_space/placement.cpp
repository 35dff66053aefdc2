#include "core/free_space/placement.hpp"

#include <algorithm>
#include <vector>

namespace rheap {

// Knuth, "The Art of Computer Programming" 1, 2.5, describes first fit (algorithm A), next fit
// (exercise 6) and best fit. For all four, and what they do to a heap, see Wilson, Johnstone,
// Neely, Boles: "Dynamic storage allocation: a survey and critical review", IWMM 1995.

/// The lowest hole that is large enough.
std::optional<Hole> first_fit(const Holes& holes, const Request& request) {
  for (const Hole hole : holes) {
    if (request.fits(hole)) return hole;
  }
  return {};
}

/// As first fit, but goes on where the last request found its hole, and comes round.
std::optional<Hole> next_fit(const Holes& holes, const Request& request) {
  for (const Hole hole : holes.behind_rover()) {
    if (request.fits(hole)) return hole;
  }
  for (const Hole hole : holes.before_rover()) {
    if (request.fits(hole)) return hole;
  }
  return {};
}

/// The smallest hole that is large enough, of equal ones the lowest: what is left is small.
std::optional<Hole> best_fit(const Holes& holes, const Request& request) {
  std::optional<Hole> best;
  for (const Hole hole : holes) {
    if (request.fits(hole) && (!best || hole.size < best->size)) best = hole;
  }
  return best;
}

/// The largest hole, of equal ones the lowest: what is left is still of use.
std::optional<Hole> worst_fit(const Holes& holes, const Request& request) {
  std::optional<Hole> worst;
  for (const Hole hole : holes) {
    if (request.fits(hole) && (!worst || hole.size > worst->size)) worst = hole;
  }
  return worst;
}

Hole Placement::look(const Request& request, Hole last) const {
  const Holes holes(list_, last);
  const std::optional<Hole> hole = [&] {
    switch (policy_) {
      case Policy::first:
        return first_fit(holes, request);
      case Policy::next:
        return next_fit(holes, request);
      case Policy::best:
        return best_fit(holes, request);
      case Policy::worst:
        return worst_fit(holes, request);
      default:
        return ask(holes, request);
    }
  }();
  return hole.value_or(Hole{});
}

std::optional<Hole> Placement::ask(const Holes& holes, const Request& request) const {
  std::vector<Hole> all;
  for (const Hole hole : holes) all.push_back(hole);
  const std::optional<Offset> chosen = chooser_->choose(request.size, all);
  if (!chosen) return {};
  const auto found = std::ranges::find(all, *chosen, &Hole::start);
  if (found == all.end() || !request.fits(*found)) throw WrongChoice(*chosen, request.size);
  return *found;
}

Hole Placement::search(const Request& request) const {
  if (!segregated()) return {};  // they overlook nothing
  Hole found{};
  index_.search(request.size, [&](Offset start, Word word) {
    found = {start, word.size()};
    return request.fits(found);
  });
  return request.fits(found) ? found : Hole{};
}

std::uint64_t Placement::largest() const {
  if (segregated()) return index_.largest();
  std::uint64_t largest = 0;
  for (const Hole hole : Holes(list_, {})) largest = std::max(largest, hole.size);
  return largest;
}

}  // namespace rheap
