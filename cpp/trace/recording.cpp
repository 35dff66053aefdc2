#include "trace/recording.hpp"

#include <string>

namespace rheap::record {

void Recording::finish() {
  writer_.comment("operations: " + std::to_string(figures_.operations) +
                  ", threads: " + std::to_string(writer_.threads()) +
                  ", most bytes live: " + std::to_string(figures_.peak_bytes));
  writer_.comment("dropped " + std::to_string(figures_.dropped_frees) +
                  " frees of blocks born before");
  writer_.close();
}

}  // namespace rheap::record
