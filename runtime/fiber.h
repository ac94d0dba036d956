// Fibers: the engine that both worlds share. It owns stacks and switches between them; it knows nothing of time, of I/O or of
// the order in which fibers run: a world decides that, and calls `resume`.
//
// One engine belongs to one thread. Exactly one switch function exists; it saves and restores the C++ exception globals (they
// are per thread, so a switch inside a `catch` would corrupt them) and tells AddressSanitizer of each stack change.
#pragma once

#include <boost/context/fiber.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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
  // For the world that schedules it; the engine never looks at these.
  void* owner = nullptr;          // the node, in the virtual world
  std::uint64_t wait_ticket = 0;  // raised at each park, so that a stale timer can tell that it is late
  bool queued = false;            // in the world's run queue
  bool parked = false;
  bool permit = false;  // an unpark that came before the park
  bool cancel_requested = false;
  bool cancel_delivered = false;
  bool deadline_hit = false;

  [[nodiscard]] FiberId id() const { return id_; }
  [[nodiscard]] std::string_view name() const { return name_; }

 private:
  friend class FiberEngine;
  FiberId id_;
  std::string_view name_;
  FiberFunction function_;
  boost::context::fiber context_;
  Stack stack_;
  bool done_ = false;
  void* fake_stack_ = nullptr;
};

class FiberEngine {
 public:
  static constexpr std::size_t default_stack_bytes = 128 * 1024;

  explicit FiberEngine(std::size_t stack_bytes = default_stack_bytes);
  ~FiberEngine();  // all fibers must have ended
  FiberEngine(const FiberEngine&) = delete;
  FiberEngine& operator=(const FiberEngine&) = delete;

  // A new fiber that has not run yet. `name` must outlive the fiber (a literal).
  Fiber& create(std::string_view name, FiberFunction function);
  // Runs `fiber` until it suspends or ends. From the scheduler only. False when it has ended: the reference is gone then.
  bool resume(Fiber& fiber);
  // Returns to the scheduler until the next `resume`. From a fiber only.
  void suspend();

  [[nodiscard]] Fiber* running() const { return running_; }
  [[nodiscard]] Fiber* find(FiberId id) const;
  [[nodiscard]] std::size_t alive() const { return alive_; }
  // The living fibers, by slot.
  [[nodiscard]] std::vector<Fiber*> living() const;

 private:
  struct Globals {  // what the C++ ABI keeps per thread about exceptions in flight
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };
  void enter(Fiber& fiber);
  void save(Globals& globals) const;
  void restore(const Globals& globals) const;

  StackPool stacks_;
  std::vector<std::unique_ptr<Fiber>> fibers_;  // by slot; ended ones are reused
  std::vector<std::uint32_t> free_slots_;
  boost::context::fiber scheduler_;
  Fiber* running_ = nullptr;
  std::size_t alive_ = 0;
  void* scheduler_fake_stack_ = nullptr;
  const void* scheduler_stack_bottom_ = nullptr;
  std::size_t scheduler_stack_size_ = 0;
};

}  // namespace squall::runtime
