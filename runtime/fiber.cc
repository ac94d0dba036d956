#include "runtime/fiber.h"

#include <cxxabi.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/assert.h"

#if defined(__SANITIZE_ADDRESS__)
#define SQUALL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SQUALL_ASAN 1
#endif
#endif

#if defined(SQUALL_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace squall::runtime {
namespace {

namespace context = boost::context;

// Hands a pooled stack to Boost.Context; taking it back is the engine's work, once the fiber has left it.
struct PooledStack {
  context::stack_context allocate() { return {}; }
  void deallocate(context::stack_context&) {}
};

void leave_stack([[maybe_unused]] void** fake, [[maybe_unused]] const void* bottom, [[maybe_unused]] std::size_t size) {
#if defined(SQUALL_ASAN)
  __sanitizer_start_switch_fiber(fake, bottom, size);
#endif
}

void arrive_on_stack([[maybe_unused]] void* fake, [[maybe_unused]] const void** bottom, [[maybe_unused]] std::size_t* size) {
#if defined(SQUALL_ASAN)
  __sanitizer_finish_switch_fiber(fake, bottom, size);
#endif
}

const void* bottom_of(const Stack& stack) { return static_cast<const char*>(stack.top) - stack.size; }

}  // namespace

FiberEngine::FiberEngine(std::size_t stack_bytes) : stacks_{stack_bytes}, thread_globals_{abi::__cxa_get_globals()} {}

FiberEngine::~FiberEngine() {
  SQUALL_ASSERT(alive_ == 0, "a world ends only after its fibers");
  closing_ = true;
  for (const auto& fiber : fibers_) {
    switch_to(*fiber);
    SQUALL_ASSERT(!fiber->context_, "an unused slot leaves its stack when it is told to");
  }
}

Fiber& FiberEngine::create(std::string_view name, FiberFunction function) {
  Fiber& fiber = free_slots_.empty() ? grow() : *fibers_[free_slots_.back()];
  free_slots_.pop_back();
  if (++fiber.id_.generation == 0) ++fiber.id_.generation;
  fiber.birth_ = ++births_;
  fiber.owner = nullptr;
  fiber.deadline = end_of_time;
  fiber.timer = Fiber::no_timer;
  fiber.queued = fiber.parked = fiber.permit = false;
  fiber.cancel_requested = fiber.cancel_delivered = fiber.deadline_hit = false;
  fiber.name_ = name;
  fiber.function_ = std::move(function);
  fiber.globals_ = {};
  fiber.alive_ = true;
  ++alive_;
  return fiber;
}

Fiber& FiberEngine::grow() {
  fibers_.push_back(std::make_unique<Fiber>());
  Fiber& fiber = *fibers_.back();
  fiber.id_.slot = static_cast<std::uint32_t>(fibers_.size() - 1);
  fiber.stack_ = stacks_.take();
  context::stack_context stack;
  stack.sp = fiber.stack_.top;
  stack.size = fiber.stack_.size;
  fiber.context_ = context::fiber{std::allocator_arg, context::preallocated{stack.sp, stack.size, stack}, PooledStack{},
                                  [this, &fiber](context::fiber&& scheduler) {
                                    scheduler_ = std::move(scheduler);
                                    run_slot(fiber);
                                    return std::move(scheduler_);
                                  }};
  free_slots_.reserve(fibers_.size());
  free_slots_.push_back(fiber.id_.slot);
  return fiber;
}

// The bottom frame of a slot's stack: one fiber after the other.
void FiberEngine::run_slot(Fiber& fiber) {
  arrive_on_stack(nullptr, &scheduler_stack_bottom_, &scheduler_stack_size_);
  while (!closing_) {
    run_function(fiber);
    fiber.alive_ = false;
    switch_back(fiber);
  }
  // Not null, which would free the fake frames of this stack at once: those of Boost below this one are still to be left.
  leave_stack(&fiber.fake_stack_, scheduler_stack_bottom_, scheduler_stack_size_);
}

void FiberEngine::run_function(Fiber& fiber) {
  try {
    if (!fiber.cancel_requested) fiber.function_();
  } catch (const FiberCancelled&) {
    // The fiber has been unwound: that is all there was to do.
  } catch (const std::exception& error) {
    assert_failed(error.what(), fiber.name_, 0);
  }
  fiber.function_ = nullptr;
}

bool FiberEngine::resume(Fiber& fiber) {
  SQUALL_ASSERT(running_ == nullptr, "only the scheduler resumes fibers");
  save(scheduler_globals_);
  restore(fiber.globals_);
  running_ = &fiber;
  switch_to(fiber);
  running_ = nullptr;
  restore(scheduler_globals_);
  if (fiber.alive_) return true;
  free_slots_.push_back(fiber.id_.slot);
  --alive_;
  return false;
}

void FiberEngine::suspend() {
  Fiber& fiber = *running_;
  save(fiber.globals_);
  switch_back(fiber);
}

void FiberEngine::switch_to(Fiber& fiber) {
  leave_stack(&scheduler_fake_stack_, bottom_of(fiber.stack_), fiber.stack_.size);
  fiber.context_ = std::move(fiber.context_).resume();
  arrive_on_stack(scheduler_fake_stack_, nullptr, nullptr);
}

void FiberEngine::switch_back(Fiber& fiber) {
  leave_stack(&fiber.fake_stack_, scheduler_stack_bottom_, scheduler_stack_size_);
  scheduler_ = std::move(scheduler_).resume();
  arrive_on_stack(fiber.fake_stack_, &scheduler_stack_bottom_, &scheduler_stack_size_);
}

std::vector<Fiber*> FiberEngine::living() const {
  std::vector<Fiber*> result;
  for (const auto& fiber : fibers_) {
    if (fiber->alive_) result.push_back(fiber.get());
  }
  std::ranges::sort(result, {}, &Fiber::birth);
  return result;
}

}  // namespace squall::runtime
