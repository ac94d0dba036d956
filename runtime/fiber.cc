#include "runtime/fiber.h"

#include <cxxabi.h>

#include <cstring>
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

FiberEngine::FiberEngine(std::size_t stack_bytes) : stacks_{stack_bytes} {}

FiberEngine::~FiberEngine() { SQUALL_ASSERT(alive_ == 0, "a world ends only after its fibers"); }

void FiberEngine::save(Globals& globals) const {
  const void* from = abi::__cxa_get_globals();
  std::memcpy(&globals.caught, from, sizeof globals.caught);
  std::memcpy(&globals.uncaught, static_cast<const char*>(from) + sizeof globals.caught, sizeof globals.uncaught);
}

void FiberEngine::restore(const Globals& globals) const {
  void* to = abi::__cxa_get_globals();
  std::memcpy(to, &globals.caught, sizeof globals.caught);
  std::memcpy(static_cast<char*>(to) + sizeof globals.caught, &globals.uncaught, sizeof globals.uncaught);
}

Fiber& FiberEngine::create(std::string_view name, FiberFunction function) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(fibers_.size()));
    fibers_.push_back(std::make_unique<Fiber>());
    fibers_.back()->id_ = FiberId{free_slots_.back(), 0};
  }
  Fiber& fiber = *fibers_[free_slots_.back()];
  free_slots_.pop_back();
  const FiberId id{fiber.id_.slot, fiber.id_.generation + 1};
  fiber.owner = nullptr;
  fiber.queued = fiber.parked = fiber.permit = false;
  fiber.cancel_requested = fiber.cancel_delivered = fiber.deadline_hit = false;
  fiber.id_ = id;
  fiber.name_ = name;
  fiber.function_ = std::move(function);
  fiber.stack_ = stacks_.take();
  fiber.done_ = false;
  fiber.fake_stack_ = nullptr;
  context::stack_context stack;
  stack.sp = fiber.stack_.top;
  stack.size = fiber.stack_.size;
  fiber.context_ = context::fiber{std::allocator_arg, context::preallocated{stack.sp, stack.size, stack}, PooledStack{},
                                  [this, &fiber](context::fiber&& scheduler) {
                                    scheduler_ = std::move(scheduler);
                                    enter(fiber);
                                    return std::move(scheduler_);
                                  }};
  ++alive_;
  return fiber;
}

void FiberEngine::enter(Fiber& fiber) {
  arrive_on_stack(nullptr, &scheduler_stack_bottom_, &scheduler_stack_size_);
  restore(Globals{});
  try {
    fiber.function_();
  } catch (const FiberCancelled&) {
    // The fiber has been unwound: that is all there was to do.
  }
  fiber.function_ = nullptr;
  fiber.done_ = true;
  leave_stack(nullptr, scheduler_stack_bottom_, scheduler_stack_size_);  // null: this stack's fake frames end here
}

bool FiberEngine::resume(Fiber& fiber) {
  SQUALL_ASSERT(running_ == nullptr, "only the scheduler resumes fibers");
  Globals own;
  save(own);
  running_ = &fiber;
  leave_stack(&scheduler_fake_stack_, bottom_of(fiber.stack_), fiber.stack_.size);
  fiber.context_ = std::move(fiber.context_).resume();
  arrive_on_stack(scheduler_fake_stack_, nullptr, nullptr);
  running_ = nullptr;
  restore(own);
  if (!fiber.done_) return true;
  SQUALL_ASSERT(!fiber.context_, "an ended fiber has left its stack");
  stacks_.give_back(fiber.stack_);
  free_slots_.push_back(fiber.id_.slot);
  --alive_;
  return false;
}

void FiberEngine::suspend() {
  Fiber& fiber = *running_;
  Globals own;
  save(own);
  leave_stack(&fiber.fake_stack_, scheduler_stack_bottom_, scheduler_stack_size_);
  scheduler_ = std::move(scheduler_).resume();
  arrive_on_stack(fiber.fake_stack_, &scheduler_stack_bottom_, &scheduler_stack_size_);
  restore(own);
}

Fiber* FiberEngine::find(FiberId id) const {
  if (id.slot >= fibers_.size()) return nullptr;
  Fiber* fiber = fibers_[id.slot].get();
  return fiber->id_ == id && !fiber->done_ ? fiber : nullptr;
}

std::vector<Fiber*> FiberEngine::living() const {
  std::vector<Fiber*> result;
  for (const auto& fiber : fibers_) {
    if (fiber->id_.generation != 0 && !fiber->done_) result.push_back(fiber.get());
  }
  return result;
}

}  // namespace squall::runtime
