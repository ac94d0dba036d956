#include "scenarios/checks/nothing_leaks.h"

#include <fmt/format.h>

namespace squall::scenarios {

void NothingLeaks::stopped(std::string_view node, const Leftovers& left, Instant at) {
  count();
  if (left.fibers + left.connections + left.listeners + left.files + left.locks == 0) return;
  violated(at, fmt::format("{} stopped and left {} fibers, {} connections, {} listeners, {} files and {} locks behind", node,
                           left.fibers, left.connections, left.listeners, left.files, left.locks));
}

void NothingLeaks::never_stopped(std::string_view node, Instant at) {
  count();
  violated(at, fmt::format("{} was asked to stop and never did", node));
}

}  // namespace squall::scenarios
