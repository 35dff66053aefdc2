#include "core/region/region.hpp"

#include <new>
#include <utility>

#include "core/region/word.hpp"
#include "core/system/random.hpp"

namespace rheap {

Region::Region(std::shared_ptr<Backing> backing)
    : Memory(backing->base()), backing_(std::move(backing)), capacity_(backing_->capacity()) {
  commit_more(first_block + 1);
  if (starts_afresh()) {
    secret_ = system::random_bits();
    write_header();
  } else {
    secret_ = header().secret;
  }
}

void Region::write_header() {
  auto& header = *new (base()) HeapHeader{};
  header.magic = HeapHeader::magic_value;
  header.version = HeapHeader::current_version;
  header.capacity = capacity_;
  header.secret = secret_;
  header.first = first_block;
  const Seal seal(secret_);
  header.wilderness.raw = seal.close(place_of(header.wilderness), first_block);
  header.fresh.raw = seal.close(place_of(header.fresh), first_block);
}

Region::~Region() { unpoison({}, committed_.value); }

void Region::commit_more(Offset upto) {
  committed_ = backing_->commit(committed_, upto);
  places_ = (std::min(committed_, end()) - first_block) / 8;
}

void Region::prefault() {
  commit(end());
  backing_->prefault();
}

}  // namespace rheap
