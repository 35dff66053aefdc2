#pragma once

#include "block.hpp"

/// How many references to a block the call that closes it accounts for, by door. That differs
/// between Python versions and between ways to write the call, so the package measures it: it
/// closes blocks in each form and sets the least that it saw. Until then, and where reference
/// counts are not exact, none is accounted for, and the memory waits until the Block dies.
namespace rheap::bindings::doors {

void register_doors(pybind11::module_& module);

/// Whether nobody but the closing call can hold a reference. Notes what it saw.
bool accounts_for_all(BlockObject* block, Door door);

}  // namespace rheap::bindings::doors
