// Fiber stacks: each with an unmapped guard page below it, so that an overflow faults instead of corrupting.
#pragma once

#include <cstddef>
#include <vector>

namespace squall::runtime {

struct Stack {
  void* top = nullptr;  // one past the highest byte: stacks grow down
  std::size_t size = 0;
};

class StackPool {
 public:
  // `stack_bytes` is rounded up to whole pages. Memory is touched only as deep as a fiber goes.
  explicit StackPool(std::size_t stack_bytes);
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  // A new stack, which lives as long as the pool: whoever takes one uses it again and again.
  [[nodiscard]] Stack take();

 private:
  std::size_t stack_bytes_;
  std::size_t page_bytes_;
  std::vector<void*> mapped_;
};

}  // namespace squall::runtime
