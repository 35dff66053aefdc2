#include "trace/address_table.hpp"

#include <map>

#include "cpp/core/model.hpp"
#include "cpp/testing.hpp"

using namespace rheap;
using namespace rheap::testing;
using trace::AddressTable;

TEST("a table of addresses finds what was put in, whatever was taken out") {
  AddressTable table;
  std::map<std::uintptr_t, std::uint64_t> model;
  Random random(1);
  std::uint64_t id = 0;
  for (int step = 0; step < 200'000; ++step) {
    // Neighbours of a few places, so that homes collide and gaps are closed across them.
    const std::uintptr_t address = 0x7f0000000000 + 16 * random.below(6000);
    if (random.below(2) == 0) {
      const auto known = model.find(address);
      const AddressTable::Entry before = table.put({address, ++id, address + id});
      CHECK(before.address == (known == model.end() ? 0 : address));
      CHECK(before.id == (known == model.end() ? 0 : known->second));
      model[address] = id;
    } else {
      const AddressTable::Entry entry = table.remove(address);
      const auto known = model.find(address);
      CHECK((entry.address != 0) == (known != model.end()));
      if (known == model.end()) continue;
      CHECK(entry.address == address && entry.id == known->second);
      CHECK(entry.bytes == address + entry.id);
      model.erase(known);
    }
    CHECK(table.count() == model.size());
  }
  for (const auto& [address, expected] : model) CHECK(table.remove(address).id == expected);
  CHECK(table.count() == 0);
}
