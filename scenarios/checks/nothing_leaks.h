// At the end every process stops by itself, and has given back its fibers, connections, listeners, files and locks.
#pragma once

#include "scenarios/checks/check.h"

namespace squall::scenarios {

struct Leftovers {
  std::size_t fibers = 0;
  std::size_t connections = 0;
  std::size_t listeners = 0;
  std::size_t files = 0;
  std::size_t locks = 0;
};

class NothingLeaks final : public Check {
 public:
  NothingLeaks() : Check("nothing_leaks", "A process that stops has given back its fibers, connections, files and locks.") {}

  void stopped(std::string_view node, const Leftovers& left, Instant at);
  void never_stopped(std::string_view node, Instant at);
};

}  // namespace squall::scenarios
