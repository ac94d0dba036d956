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
  if (free_.empty()) {
    void* base = mmap(nullptr, stack_bytes_ + page_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) fatal(ExitCode::internal_error, "no address space left for another fiber's stack");
    auto* low = static_cast<char*>(base) + page_bytes_;
    if (mprotect(low, stack_bytes_, PROT_READ | PROT_WRITE) != 0)
      fatal(ExitCode::internal_error, "no memory left for another fiber's stack");
    mapped_.push_back(base);
    free_.push_back(Stack{low + stack_bytes_, stack_bytes_});
  }
  const Stack stack = free_.back();
  free_.pop_back();
  return stack;
}

}  // namespace squall::runtime
