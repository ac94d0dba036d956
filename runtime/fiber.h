// Fibers: the engine that both worlds share. It owns stacks and switches between them; it knows nothing of time, of I/O or of
// the order in which fibers run: a world decides that, and calls `resume`.
//
// One engine belongs to one thread: the one that made it. Exactly one switch function exists; it saves and restores the C++
// exception globals (they are per thread, so a switch inside a `catch` would corrupt them) and tells AddressSanitizer of each
// stack change.
#pragma once

#include <boost/context/fiber.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "runtime/stack_pool.h"

namespace squall::runtime {

using FiberFunction = std::move_only_function<void()>;

// Names a fiber without owning it. A stale id (its fiber has ended) names nothing, forever.
struct FiberId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  // 0: no fiber
  bool operator==(const FiberId&) const = default;
  explicit operator bool() const { return generation != 0; }
};

// Thrown out of the call in which a cancelled fiber waits; not a std::exception, so that no handler for errors catches it.
struct FiberCancelled {};

enum class Wake : std::uint8_t { unparked, deadline };

class Fiber {
 public:
  // For the world that schedules it; the engine only clears them for a new fiber, and reads `cancel_requested` once: a fiber
  // that was cancelled before it began never begins.
  void* owner = nullptr;           // the node, in the virtual world
  std::uint64_t wait_ticket = 0;   // raised at each park, so that a stale timer can tell that it is late
  Instant deadline = end_of_time;  // of the wait it is in
  std::uint32_t timer = no_timer;  // its place in the world's timer heap
  bool queued = false;             // in the world's run queue
  bool parked = false;
  bool permit = false;  // an unpark that came before the park
  bool cancel_requested = false;
  bool cancel_delivered = false;
  bool deadline_hit = false;

  static constexpr std::uint32_t no_timer = UINT32_MAX;

  [[nodiscard]] FiberId id() const { return id_; }
  [[nodiscard]] std::string_view name() const { return name_; }
  // Counts the engine's fibers in the order of their creation.
  [[nodiscard]] std::uint64_t birth() const { return birth_; }

 private:
  friend class FiberEngine;
  // What the C++ ABI keeps per thread about exceptions in flight: the innermost caught one and the number uncaught.
  using Globals = std::array<std::byte, sizeof(void*) + sizeof(unsigned int)>;

  FiberId id_;
  bool alive_ = false;
  std::uint64_t birth_ = 0;
  std::string_view name_;
  FiberFunction function_;
  boost::context::fiber context_;  // outlives the fiber: the next one in this slot runs on the same stack
  Globals globals_{};
  Stack stack_;
  void* fake_stack_ = nullptr;
};

class FiberEngine {
 public:
  static constexpr std::size_t default_stack_bytes =
      std::size_t{256} * 1024;  // of address space; memory is used as deep as a fiber goes

  explicit FiberEngine(std::size_t stack_bytes = default_stack_bytes);
  ~FiberEngine();  // all fibers must have ended
  FiberEngine(const FiberEngine&) = delete;
  FiberEngine& operator=(const FiberEngine&) = delete;

  // A new fiber that has not run yet. `name` must outlive the fiber (a literal). Takes a stack that an ended fiber has left,
  // the warmest first, if there is one.
  Fiber& create(std::string_view name, FiberFunction function);
  // Runs `fiber` until it suspends or ends. From the scheduler only. False when it has ended: the reference is gone then.
  bool resume(Fiber& fiber);
  // Returns to the scheduler until the next `resume`. From a fiber only.
  void suspend();

  [[nodiscard]] Fiber* running() const { return running_; }
  [[nodiscard]] Fiber* find(FiberId id) const {
    if (id.slot >= fibers_.size()) return nullptr;
    Fiber* fiber = fibers_[id.slot].get();
    return fiber->id_ == id && fiber->alive_ ? fiber : nullptr;
  }
  [[nodiscard]] std::size_t alive() const { return alive_; }
  // The living fibers, the oldest first. To unwind them all, go from the back: what a fiber lent to those it started must
  // outlive them.
  [[nodiscard]] std::vector<Fiber*> living() const;

 private:
  Fiber& grow();
  void run_slot(Fiber& fiber);
  void run_function(Fiber& fiber);
  void switch_to(Fiber& fiber);
  void switch_back(Fiber& fiber);
  void save(Fiber::Globals& globals) const { std::memcpy(globals.data(), thread_globals_, globals.size()); }
  void restore(const Fiber::Globals& globals) const { std::memcpy(thread_globals_, globals.data(), globals.size()); }

  StackPool stacks_;
  std::vector<std::unique_ptr<Fiber>> fibers_;  // by slot; ended ones are reused
  std::vector<std::uint32_t> free_slots_;
  boost::context::fiber scheduler_;
  Fiber* running_ = nullptr;
  void* thread_globals_;  // of the one thread that this engine belongs to
  Fiber::Globals scheduler_globals_{};
  std::uint64_t births_ = 0;
  std::size_t alive_ = 0;
  bool closing_ = false;
  void* scheduler_fake_stack_ = nullptr;
  const void* scheduler_stack_bottom_ = nullptr;
  std::size_t scheduler_stack_size_ = 0;
};

}  // namespace squall::runtime
