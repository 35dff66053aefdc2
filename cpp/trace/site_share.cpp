#include "trace/site_share.hpp"

#include <algorithm>

namespace rheap::trace {

std::vector<SiteShare> shares_after(const Trace& trace, std::size_t operations) {
  struct Asked {
    std::uint64_t bytes = 0;
    std::uint32_t site = 0;
    bool live = false;
  };
  std::vector<Asked> blocks(trace.slots());
  trace.each_site([&](std::size_t number, std::uint32_t site) {
    if (number >= operations) return;
    const Operation& operation = trace.operations()[number];
    if (operation.kind() == Kind::compact) return;
    blocks[operation.slot()] = {operation.bytes(), site, operation.kind() != Kind::release};
  });

  std::vector<SiteShare> shares(trace.sites().size());
  for (const Asked& block : blocks) {
    if (!block.live) continue;
    shares[block.site].bytes += block.bytes;
    ++shares[block.site].blocks;
  }
  for (std::uint32_t site = 0; site < shares.size(); ++site) shares[site].site = site;
  std::erase_if(shares, [](const SiteShare& share) { return share.blocks == 0; });
  std::ranges::stable_sort(shares, std::ranges::greater{}, &SiteShare::bytes);
  return shares;
}

}  // namespace rheap::trace
