#include "recording.hpp"

#include <string>

namespace rheap::record {

void Recording::finish() {
  writer_.comment(std::to_string(figures_.operations) + " operations, " +
                  std::to_string(writer_.threads()) + " threads, at most " +
                  std::to_string(figures_.peak_bytes) + " bytes live");
  writer_.comment("dropped " + std::to_string(figures_.dropped_frees) +
                  " frees of blocks born before");
  writer_.close();
}

}  // namespace rheap::record
