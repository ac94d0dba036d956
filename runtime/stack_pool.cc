#include "runtime/stack_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"

namespace squall::runtime {

StackPool::StackPool(std::size_t stack_bytes) : page_bytes_{static_cast<std::size_t>(sysconf(_SC_PAGESIZE))} {
  stack_bytes_ = (stack_bytes + page_bytes_ - 1) / page_bytes_ * page_bytes_;
}

StackPool::~StackPool() {
  for (void* base : mapped_) munmap(base, stack_bytes_ + page_bytes_);
}

Stack StackPool::take() {
  void* base = mmap(nullptr, stack_bytes_ + page_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) fatal(ExitCode::internal_error, "no address space left for another fiber's stack");
  auto* low = static_cast<char*>(base) + page_bytes_;
  if (mprotect(low, stack_bytes_, PROT_READ | PROT_WRITE) != 0)
    fatal(ExitCode::internal_error, "no memory left for another fiber's stack");
  // Stacks that all begin at the same place of a page would share the same few cache sets.
  const std::size_t stagger = mapped_.size() % 8 * 256;
  mapped_.push_back(base);
  return Stack{low + stack_bytes_ - stagger, stack_bytes_ - stagger};
}

}  // namespace squall::runtime
