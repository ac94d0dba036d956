// A fiber with an owner: its result can be waited for, and it does not outlive the Task.
//
//   Task<int> sum = start_task(world, "sum", [&] { return add(a, b); });
//   if (auto value = sum.join()) use(*value);   // nothing if the fiber was cancelled
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "runtime/wait_queue.h"
#include "runtime/world.h"

namespace squall::runtime {

template <class T>
class Task {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  Task() = default;  // owns no fiber
  Task(Task&&) noexcept = default;
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      end();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  // Cancels the fiber and waits until it has ended (at once when it already has; and without waiting in a node that has died).
  // A cancellation of the destroying fiber that comes meanwhile is kept for its next wait.
  ~Task() { end(); }

  // May wait for the fiber's end. Its result, or nothing if it was cancelled. At most once; from one fiber.
  std::optional<Value> join() {
    SQUALL_ASSERT(state_ != nullptr, "only a task that owns a fiber is joined");
    while (!state_->done) (void)state_->joiners.wait();
    return std::move(state_->value);
  }
  // May wait. False if the deadline came first.
  [[nodiscard]] bool wait_until(Instant deadline) {
    while (!state_->done) {
      if (state_->joiners.wait(deadline) == Wake::deadline) return state_->done;
    }
    return true;
  }
  // The fiber leaves by FiberCancelled at its current or next wait.
  void cancel() {
    if (state_ != nullptr && !state_->done) state_->world->cancel(state_->fiber);
  }
  [[nodiscard]] bool done() const { return state_ == nullptr || state_->done; }
  [[nodiscard]] FiberId fiber() const { return state_ == nullptr ? FiberId{} : state_->fiber; }
  explicit operator bool() const { return state_ != nullptr; }

 private:
  struct State {
    explicit State(World& its_world) : world{&its_world}, joiners{its_world} {}
    World* world;
    FiberId fiber;
    WaitQueue joiners;
    std::optional<Value> value;
    bool done = false;
  };
  // Captured by the fiber's function, so that the end is told even if the fiber never began.
  struct Finish {
    explicit Finish(std::shared_ptr<State> its_state) : state{std::move(its_state)} {}
    Finish(Finish&&) noexcept = default;
    Finish& operator=(Finish&&) = delete;
    ~Finish() {
      if (state == nullptr) return;
      state->done = true;
      state->joiners.wake_all();
    }
    std::shared_ptr<State> state;
  };

  void end() {
    if (state_ == nullptr || state_->done) return;
    World& world = *state_->world;
    cancel();
    bool cancelled = false;
    while (!state_->done) {
      try {
        (void)state_->joiners.wait();
      } catch (const FiberCancelled&) {
        if (std::exchange(cancelled, true)) break;  // a second time: the node has died, nothing will end any more
      }
    }
    if (cancelled) world.cancel(world.current_fiber());
  }

  template <class Function>
  friend auto start_task(World& world, std::string_view name, Function function) -> Task<std::invoke_result_t<Function&>>;

  std::shared_ptr<State> state_;
};

// Runs `function` in a new fiber. What it borrows must live until the Task is joined or destroyed. `name` is a literal.
template <class Function>
auto start_task(World& world, std::string_view name, Function function) -> Task<std::invoke_result_t<Function&>> {
  using T = std::invoke_result_t<Function&>;
  Task<T> task;
  task.state_ = std::make_shared<typename Task<T>::State>(world);
  task.state_->fiber =
      world.spawn(name, [finish = typename Task<T>::Finish{task.state_}, call = std::move(function)]() mutable {
        if constexpr (std::is_void_v<T>) {
          call();
          finish.state->value.emplace();
        } else {
          finish.state->value.emplace(call());
        }
      });
  return task;
}

}  // namespace squall::runtime
