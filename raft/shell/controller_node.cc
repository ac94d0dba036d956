#include "raft/shell/controller_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "raft/shell/controller_requests.h"
#include "raft/shell/log_follower.h"
#include "runtime/condition.h"
#include "runtime/wait_group.h"

namespace squall::raft {
namespace {

// What nodes tell a controller again after any start, their own or its, and what tells nothing. Whatever else it led to, as a
// partition's change of leader, does not count.
IfDamaged if_damaged(const Records& records) {
  const auto is_told_again = [](const protocol::MetadataRecord& record) {
    return std::holds_alternative<protocol::NoOpRecord>(record) ||
           std::holds_alternative<protocol::RegisterBrokerRecord>(record) ||
           std::holds_alternative<protocol::BrokerRegistrationChangeRecord>(record) ||
           std::holds_alternative<protocol::RegisterControllerRecord>(record);
  };
  return std::ranges::all_of(records, is_told_again) ? IfDamaged::redo : IfDamaged::refuse;
}

}  // namespace

struct ControllerNode::State {
  State(runtime::World& the_world, QuorumNode& the_quorum, const ConfigSchema& schema, ControllerNodeOptions the_options)
      : world{the_world},
        quorum{the_quorum},
        on_failure{std::move(the_options.on_failure)},
        on_active{std::move(the_options.on_active)},
        limits{the_options.limits},
        late{the_options.settings.session_timeout / 8},
        core{std::move(the_options.settings), schema, std::move(the_options.bootstrap), the_world.fork_random("controller")},
        follower{the_quorum},
        work{the_world},
        settled{the_world},
        fibers{the_world} {}

  runtime::World& world;
  QuorumNode& quorum;
  std::function<void(std::string)> on_failure;
  std::function<void()> on_active;
  BatchLimits limits;
  Duration late;  // more than this behind its time, the process was paused
  Controller core;
  LogFollower follower;
  std::optional<LeaderEpoch> active;   // the epoch in which the core is
  LeaderEpoch last_active = no_epoch;  // a controller is active once in an epoch at most
  // The last that was heard of commits: it outlives the epoch, so that who waited for just that hears of it.
  LeaderEpoch settled_epoch = no_epoch;
  Offset settled_end{0};
  std::uint64_t pokes = 0;  // grows with everything that the fiber must look at
  Instant hears_until{};    // before it does anything by itself
  bool stopped = false;
  bool failed = false;
  runtime::Condition work;
  runtime::Condition settled;
  runtime::WaitGroup fibers;
  runtime::FiberId watch;

  // ---- the fiber ----
  void run();
  void step();
  void follow();
  [[nodiscard]] bool take(const LogFollower::Next& next);
  void activate();
  void pass_control_records();
  void note_committed();
  void note_pause();
  void tick();

  // ---- shared with operations; these do not wait ----
  [[nodiscard]] bool leads() const {
    return active && !stopped && !failed && !quorum.failed() && quorum.core().is_leader() && quorum.core().epoch() == *active;
  }
  // NONE: they are proposed and replayed.
  [[nodiscard]] ErrorCode log_records(const Records& records, bool atomic, IfDamaged damaged);
  void lose();
  void fail(std::string reason);
  void poke() {
    ++pokes;
    work.notify_all();
  }

  // The quorum's level only ever rises.
  [[nodiscard]] ErrorCode change_kraft_version(std::int16_t level) {
    if (level < quorum.core().kraft_version()) return ErrorCode::invalid_update_version;
    return level == quorum.core().kraft_version() ? ErrorCode::none : quorum.upgrade_kraft_version();
  }

  // May wait. NONE: all below `end` is committed in `epoch`.
  [[nodiscard]] ErrorCode await_commit(LeaderEpoch epoch, Offset end, Instant deadline);
};

ErrorCode ControllerNode::State::log_records(const Records& records, bool atomic, IfDamaged damaged) {
  auto batches = encode_batches(records, MetadataVersion::of(*core.image()), atomic, to_ms(world.wall_now()), limits);
  if (!batches) {
    core.forget_decision();
    return batches.error();
  }
  const Offset none = no_offset;
  Offset base = none;
  Offset end = none;
  for (EncodedBatch& batch : *batches) {
    const auto at = quorum.propose(*active, std::move(batch.bytes), batch.count, damaged);
    // Leadership ended on the way, or something came in between: what is in the log of it will be read from there.
    if (!at || (end != none && *at != end)) {
      lose();
      return ErrorCode::not_controller;
    }
    if (base == none) base = *at;
    end = *at + batch.count;
  }
  if (core.replay(records, base)) return ErrorCode::none;
  fail(fmt::format("what the controller decided contradicts its own image at offset {} of the metadata log", base));
  return ErrorCode::unknown_server_error;
}

// What is not committed never happened, as far as is known here; the log tells what did.
void ControllerNode::State::lose() {
  if (!active) return;
  const LeaderEpoch epoch = *active;
  active.reset();
  core.resign();
  follower.go_on_from(core.image()->end_offset);
  quorum.resign(epoch);
  settled.notify_all();
  poke();
}

void ControllerNode::State::fail(std::string reason) {
  if (failed) return;
  failed = true;
  if (active) quorum.resign(*active);
  settled.notify_all();
  poke();
  if (on_failure) on_failure(std::move(reason));
}

ErrorCode ControllerNode::State::await_commit(LeaderEpoch epoch, Offset end, Instant deadline) {
  while (true) {
    if (leads()) note_committed();
    if (settled_epoch == epoch && settled_end >= end) return ErrorCode::none;
    if (active != epoch || stopped || failed) return ErrorCode::not_controller;
    if (world.now() >= deadline || quorum.disk_is_full()) return ErrorCode::request_timed_out;
    (void)settled.wait_until(deadline);
  }
}

void ControllerNode::State::run() {
  while (!stopped && !failed) {
    const std::uint64_t seen = pokes;
    step();
    const bool ticks = leads() && !quorum.disk_is_full();
    const Instant deadline = ticks ? std::max(core.next_deadline(), hears_until) : end_of_time;
    (void)work.wait_until(deadline, [&] { return pokes != seen || stopped || failed; });
  }
}

void ControllerNode::State::step() {
  if (quorum.disk_is_full()) settled.notify_all();
  if (active && !leads()) lose();
  if (!active) {
    follow();
    if (!stopped && !failed) activate();
  }
  if (leads()) note_committed();
  tick();
}

void ControllerNode::State::follow() {
  while (!stopped && !failed) {
    const auto next = follower.next();
    if (stopped) return;
    if (!next) return fail(next.error());
    if (std::holds_alternative<std::monostate>(*next)) return;
    if (!take(*next)) return;
  }
}

bool ControllerNode::State::take(const LogFollower::Next& next) {
  if (const auto* snapshot = std::get_if<LogFollower::LoadedSnapshot>(&next)) {
    core.load_snapshot(snapshot->image);
    return true;
  }
  std::uint64_t count = 0;
  for (const CommittedBatch& batch : std::get<std::vector<CommittedBatch>>(next)) {
    if (batch.records.empty()) continue;
    if (!core.replay(batch.records, batch.base)) {
      fail(fmt::format("a record at offset {} or behind it in the metadata log contradicts those before it", batch.base));
      return false;
    }
    count += batch.records.size();
  }
  if (count > 0) world.charge(runtime::Cost::record, count);
  return true;
}

void ControllerNode::State::activate() {
  const Quorum& core_of_quorum = quorum.core();
  if (!core_of_quorum.is_leader() || core_of_quorum.epoch() == last_active || quorum.failed()) return;
  const auto start = core_of_quorum.epoch_start();
  const Offset high_watermark = core_of_quorum.high_watermark();
  // All of the earlier epochs is committed once a record of this one is. Nobody but the controller adds metadata records.
  if (!start || high_watermark <= *start || follower.position() < high_watermark) return;
  active = core_of_quorum.epoch();
  last_active = *active;
  settled_epoch = *active;
  settled_end = high_watermark;
  const Records first = core.become_active(*active, world.now());
  world.emit(runtime::EventName::controller_elected, {{"epoch", std::int64_t{active->value()}}});
  if (first.empty()) {
    pass_control_records();
  } else {
    // The next controller would begin with them as well.
    const ErrorCode logged = log_records(first, true, IfDamaged::redo);
    if (logged == ErrorCode::not_controller) return;
    if (logged != ErrorCode::none)
      return fail("the first records of a new controller do not fit one batch of the metadata log");
  }
  if (on_active) on_active();
}

// While it is active, what is in the log behind the image is the quorum's own: the image ends where the next decision will
// stand, for the offset of a registration is the epoch of its broker. Not while a decision is to be logged.
void ControllerNode::State::pass_control_records() {
  const Offset end = quorum.core().log().end();
  if (core.image()->end_offset >= end) return;
  if (!core.replay({}, end)) return fail("an image cannot pass the quorum's own records");
  core.committed(settled_end);
}

void ControllerNode::State::note_committed() {
  const Offset high_watermark = quorum.core().high_watermark();
  if (settled_epoch == *active && high_watermark == settled_end) return;
  core.committed(high_watermark);
  settled_epoch = *active;
  settled_end = high_watermark;
  settled.notify_all();
}

// After a pause of the process the heartbeats of live brokers wait in its sockets: they are to be heard before sessions end.
void ControllerNode::State::note_pause() {
  if (!leads()) return;
  const Instant due = core.next_deadline();
  if (hears_until < due && world.now() - due > late) hears_until = world.now() + late;
}

void ControllerNode::State::tick() {
  note_pause();
  // A full disk takes no records that nobody asked for; nor is it the brokers' fault that they are not heard.
  while (leads() && !quorum.disk_is_full() && core.next_deadline() <= world.now() && hears_until <= world.now()) {
    pass_control_records();
    const Records records = core.tick(world.now());
    if (!records.empty()) {
      const ErrorCode logged = log_records(records, false, if_damaged(records));
      if (logged == ErrorCode::not_controller) return;
      if (logged != ErrorCode::none) return fail("a periodic decision of the controller does not fit the metadata log");
      world.charge(runtime::Cost::record, records.size());
    }
    // One thing at a time: requests are not to wait for all of it.
    world.yield();
  }
}

ControllerNode::ControllerNode(runtime::World& world, QuorumNode& quorum, const ConfigSchema& schema,
                               ControllerNodeOptions options)
    : state_{std::make_shared<State>(world, quorum, schema, std::move(options))} {}

ControllerNode::~ControllerNode() {
  state_->stopped = true;
  state_->world.cancel(state_->watch);
  state_->settled.notify_all();
  state_->poke();
}

void ControllerNode::start() {
  const auto state = state_;
  state->fibers.add();
  state->world.spawn("controller", [state] {
    state->run();
    state->fibers.done();
  });
  // A fiber of its own, so that a stop never cuts the other one off in the middle of a step.
  state->watch = state->world.spawn("controller-watch", [state] {
    while (!state->stopped) {
      const std::uint64_t seen = state->quorum.changes(QuorumNode::Change::any);
      state->poke();
      (void)state->quorum.wait_for(QuorumNode::Change::any, seen);
    }
  });
}

void ControllerNode::stop() {
  const auto state = state_;
  if (!state->stopped) {
    state->stopped = true;
    state->world.cancel(state->watch);
    state->settled.notify_all();
    state->poke();
  }
  state->fibers.wait();
}

bool ControllerNode::is_active() const { return state_->leads(); }

const Controller& ControllerNode::core() const { return state_->core; }

template <class Request>
std::expected<ControllerAnswer<Request>, ErrorCode> ControllerNode::submit(const Request& request, Instant deadline,
                                                                           Offset* end_offset) {
  const auto state = state_;
  if (!state->leads()) return std::unexpected(ErrorCode::not_controller);
  const Instant now = state->world.now();
  if (now >= deadline) return std::unexpected(ErrorCode::request_timed_out);
  if (state->quorum.disk_is_full() && !std::is_same_v<Request, protocol::BrokerHeartbeatRequest>) {
    return std::unexpected(ErrorCode::kafka_storage_error);
  }
  const LeaderEpoch epoch = *state->active;
  state->pass_control_records();
  auto decision = state->core.submit(request, now);
  Offset end{0};
  if constexpr (std::is_same_v<Request, protocol::UpdateFeaturesRequest>) {
    if (const auto level = state->core.take_kraft_version()) {
      const ErrorCode refused = state->change_kraft_version(*level);
      if (refused != ErrorCode::none) {
        state->core.forget_decision();
        decision.response.results.clear();
        decision.response.error_code = protocol::to_wire(refused);
        decision.response.error_message = "The quorum cannot change its kraft.version now.";
        return std::move(decision.response);
      }
      end = state->quorum.core().log().end();
    }
  }
  if (!decision.records.empty()) {
    const ErrorCode logged = state->log_records(decision.records, decision.atomic, if_damaged(decision.records));
    if (logged != ErrorCode::none) return std::unexpected(logged);
  }
  end = std::max(end, state->core.image()->end_offset);
  if (!decision.records.empty()) state->world.charge(runtime::Cost::record, decision.records.size());
  const ErrorCode outcome = state->await_commit(epoch, end, deadline);
  if (outcome != ErrorCode::none) return std::unexpected(outcome);
  if (end_offset != nullptr) *end_offset = end;
  return std::move(decision.response);
}

#define SQUALL_CONTROLLER_API(name)                                                                    \
  template std::expected<ControllerAnswer<protocol::name##Request>, ErrorCode> ControllerNode::submit( \
      const protocol::name##Request&, Instant, Offset*);
SQUALL_CONTROLLER_REQUESTS(SQUALL_CONTROLLER_API)
#undef SQUALL_CONTROLLER_API

}  // namespace squall::raft
