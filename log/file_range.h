// A piece of a segment file: what a read returns, and what goes from the page cache to the socket without a copy.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/io.h"

namespace squall::log {

// Holding a range keeps its file readable even after its segment was deleted from the log. The bytes below the high watermark
// at the time of the read never change.
struct FileRange {
  std::shared_ptr<runtime::File> file;
  std::uint64_t position = 0;
  std::uint64_t bytes = 0;
};

}  // namespace squall::log
