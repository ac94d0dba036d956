// Work that is shared out among fibers: for a long list of things each of which waits for a disk or a peer.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "runtime/task.h"
#include "runtime/world.h"

namespace squall::runtime {

// Calls `work` in `fibers` fibers at once, of which the caller's is one, and returns when all have returned. May wait. Each
// call takes its share itself, for example by counting on a common index.
template <class Work>
void together(World& world, std::string_view name, std::size_t fibers, const Work& work) {
  std::vector<Task<void>> others;
  for (std::size_t i = 1; i < fibers; ++i) others.push_back(start_task(world, name, [&work] { work(); }));
  work();
  for (Task<void>& other : others) (void)other.join();
}

}  // namespace squall::runtime
