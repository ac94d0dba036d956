#include "broker/lifecycle.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "raft/metadata/record_version.h"
#include "runtime/condition.h"
#include "runtime/wait_group.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

constexpr Duration backoff_min = std::chrono::milliseconds{100};
constexpr Duration backoff_max = std::chrono::seconds{1};
// A broker that waits for its leaderships to move asks more often than one that only shows that it lives.
constexpr Duration shutdown_interval = std::chrono::milliseconds{100};
// A refusal that stays the same is told again after this.
constexpr Duration tell_again = std::chrono::seconds{5};

std::string_view why_refused(ErrorCode code) {
  switch (code) {
    case ErrorCode::duplicate_broker_registration:
      return "another process with this node.id is registered and alive; give each node its own node.id, or stop the other";
    case ErrorCode::inconsistent_cluster_id:
      return "the controllers are of another cluster; see controller.quorum.voters and the cluster.id in meta.properties";
    case ErrorCode::request_timed_out:
    case ErrorCode::not_controller:
      return "no active controller was found; see that the controllers run, and that controller.quorum.voters (or "
             "controller.quorum.bootstrap.servers) tells where";
    default: return "the controller's own log may say more";
  }
}

}  // namespace

LifecycleSurroundings LifecycleSurroundings::of(ControllerChannel& channel, raft::MetadataLoader& loader) {
  return {
      .register_broker = [&channel](const protocol::BrokerRegistrationRequest& request,
                                    Instant deadline) { return channel.ask(request, deadline); },
      .heartbeat = [&channel](const protocol::BrokerHeartbeatRequest& request,
                              Instant deadline) { return channel.ask(request, deadline); },
      .image = [&loader] { return loader.image(); },
      .wait_until_published = [&loader](Offset offset,
                                        Instant deadline) { return loader.wait_until_published(offset, deadline); },
  };
}

struct BrokerLifecycle::State {
  State(runtime::World& the_world, LifecycleSurroundings the_surroundings, LifecycleOptions the_options)
      : world{the_world},
        surroundings{std::move(the_surroundings)},
        options{std::move(the_options)},
        work{the_world},
        news{the_world},
        fibers{the_world} {}

  runtime::World& world;
  LifecycleSurroundings surroundings;
  LifecycleOptions options;
  LifecycleState state = LifecycleState::not_running;
  std::int64_t epoch = -1;
  bool registered = false;
  bool caught_up = false;  // the metadata held the registration of `epoch`
  bool ready = false;
  bool fenced = true;
  bool wants_shut_down = false;
  bool may_shut_down = false;
  bool owes_directories = false;  // the registration does not name ours, and could
  std::vector<Uuid> offline;
  Instant give_up{};  // when a first registration has taken too long
  Duration backoff = backoff_min;
  ErrorCode last_error = ErrorCode::none;
  ErrorCode told_error = ErrorCode::none;
  Instant told_at{};
  std::uint64_t pokes = 0;
  bool stopped = false;
  bool failed = false;
  runtime::Condition work;
  runtime::Condition news;
  runtime::WaitGroup fibers;
  runtime::FiberId watch;

  void run();
  void watch_metadata();
  void look_at_metadata();
  [[nodiscard]] Duration register_once();
  void tell_refusal();
  [[nodiscard]] Duration heartbeat_once();
  void note_heartbeat(const protocol::BrokerHeartbeatResponse& answer);
  [[nodiscard]] Duration back_off() { return std::exchange(backoff, std::min(backoff * 2, backoff_max)); }
  void fail(std::string reason);
  void stop();
  // Something changed that the next heartbeat is to tell.
  void poke() {
    ++pokes;
    work.notify_all();
  }
  [[nodiscard]] bool ended() const { return stopped || failed; }
  template <class Holds>
  [[nodiscard]] bool wait_for(Instant deadline, Holds holds) {
    (void)news.wait_until(deadline, [&] { return holds() || ended(); });
    return holds();
  }
};

void BrokerLifecycle::State::run() {
  while (!ended()) {
    const std::uint64_t seen = pokes;
    if (registered && owes_directories) {
      (void)register_once();
      owes_directories = last_error != ErrorCode::none;
      if (ended()) break;
    }
    const Duration pause = registered ? heartbeat_once() : register_once();
    if (ended()) break;
    (void)work.wait_until(world.now() + pause, [&] { return pokes != seen || ended(); });
  }
  news.notify_all();
}

Duration BrokerLifecycle::State::register_once() {
  protocol::BrokerRegistrationRequest request;
  request.broker_id = options.node_id.value();
  request.cluster_id = options.cluster_id;
  request.incarnation_id = options.incarnation;
  for (const raft::BrokerEndpointImage& listener : options.listeners) {
    auto& out = request.listeners.emplace_back();
    out.name = listener.listener;
    out.host = listener.host;
    out.port = listener.port;
    out.security_protocol = listener.security_protocol;
  }
  for (const auto& [name, levels] : options.features) {
    auto& out = request.features.emplace_back();
    out.name = name;
    out.min_supported_version = levels.min;
    out.max_supported_version = levels.max;
  }
  request.rack = options.rack;
  request.log_dirs = options.log_dirs;
  std::erase_if(request.log_dirs, [&](const Uuid& one) { return std::ranges::find(offline, one) != offline.end(); });
  request.previous_broker_epoch = options.previous_epoch;
  const bool first = epoch < 0;
  const Instant deadline = world.now() + options.session_timeout / 2;
  const auto answer = surroundings.register_broker(request, first ? std::min(deadline, give_up) : deadline);
  if (ended()) return {};
  last_error = answer ? static_cast<ErrorCode>(answer->error_code) : answer.error();
  if (last_error != ErrorCode::none) {
    if (answer) tell_refusal();
    if (first && world.now() >= give_up) {
      const ErrorCode why = told_error != ErrorCode::none ? told_error : last_error;
      fail(fmt::format(
          "node {} could not register within {} ms (initial.broker.registration.timeout.ms), the last answer was {}: {}",
          options.node_id, to_ms(options.registration_timeout), protocol::to_string(why), why_refused(why)));
    }
    return first ? std::min(back_off(), std::max(give_up - world.now(), Duration{0})) : back_off();
  }
  backoff = backoff_min;
  registered = true;
  caught_up = caught_up && epoch == answer->broker_epoch;
  epoch = answer->broker_epoch;
  if (state == LifecycleState::starting) state = LifecycleState::recovery;
  look_at_metadata();
  news.notify_all();
  return {};
}

void BrokerLifecycle::State::tell_refusal() {
  if (last_error == told_error && world.now() < told_at + tell_again) return;
  told_error = last_error;
  told_at = world.now();
  world.emit(runtime::EventName::registration_refused,
             {{"node_id", options.node_id.value()}, {"error", protocol::to_string(last_error)}});
}

Duration BrokerLifecycle::State::heartbeat_once() {
  protocol::BrokerHeartbeatRequest request;
  request.broker_id = options.node_id.value();
  request.broker_epoch = epoch;
  request.current_metadata_offset = (surroundings.image()->end_offset - 1).value();
  request.want_fence = !ready || !caught_up;
  request.want_shut_down = wants_shut_down;
  request.offline_log_dirs = offline;
  // Who goes does not ask to be fenced before its leaderships have moved.
  if (wants_shut_down && !fenced) request.want_fence = false;
  const auto answer = surroundings.heartbeat(request, world.now() + options.session_timeout / 2);
  if (ended()) return {};
  last_error = answer ? static_cast<ErrorCode>(answer->error_code) : answer.error();
  if (last_error == ErrorCode::none) {
    backoff = backoff_min;
    note_heartbeat(*answer);
    return wants_shut_down ? std::min(shutdown_interval, options.heartbeat_interval) : options.heartbeat_interval;
  }
  // The controller does not know this registration (any more).
  if (last_error == ErrorCode::stale_broker_epoch || last_error == ErrorCode::broker_id_not_registered) {
    registered = false;
    fenced = true;
    news.notify_all();
  }
  return std::min(back_off(), options.heartbeat_interval);
}

void BrokerLifecycle::State::note_heartbeat(const protocol::BrokerHeartbeatResponse& answer) {
  fenced = answer.is_fenced;
  if (!fenced && state == LifecycleState::recovery) state = LifecycleState::running;
  if (wants_shut_down && answer.should_shut_down) {
    may_shut_down = true;
    state = LifecycleState::shutting_down;
  }
  news.notify_all();
}

void BrokerLifecycle::State::look_at_metadata() {
  if (!registered || caught_up) return;
  const auto image = surroundings.image();
  const raft::BrokerImage* own = image->brokers.get(options.node_id);
  if (own == nullptr || own->epoch != epoch || own->incarnation != options.incarnation) return;
  caught_up = true;
  news.notify_all();
  poke();
}

// Follows the metadata until it holds the registration; the fiber that heartbeats must not wait for it.
void BrokerLifecycle::State::watch_metadata() {
  while (!ended()) {
    look_at_metadata();
    if (!registered || caught_up) {
      news.wait([&] { return ended() || (registered && !caught_up); });
      continue;
    }
    const Offset next = std::max(surroundings.image()->end_offset, Offset{epoch}) + 1;
    const Instant until = world.now() + options.heartbeat_interval;
    if (surroundings.wait_until_published(next, until)) continue;
    // A loader that has ended does not wait.
    (void)news.wait_until(until, [&] { return ended(); });
  }
}

void BrokerLifecycle::State::fail(std::string reason) {
  if (failed) return;
  failed = true;
  state = LifecycleState::shutting_down;
  work.notify_all();
  news.notify_all();
  if (options.on_failure) options.on_failure(std::move(reason));
}

void BrokerLifecycle::State::stop() {
  if (stopped) return;
  stopped = true;
  state = LifecycleState::not_running;
  world.cancel(watch);
  work.notify_all();
  news.notify_all();
}

BrokerLifecycle::BrokerLifecycle(runtime::World& world, LifecycleSurroundings surroundings, LifecycleOptions options)
    : state_{std::make_shared<State>(world, std::move(surroundings), std::move(options))} {}

BrokerLifecycle::~BrokerLifecycle() { state_->stop(); }

void BrokerLifecycle::start() {
  const auto state = state_;
  state->state = LifecycleState::starting;
  state->give_up = state->world.now() + state->options.registration_timeout;
  state->fibers.add();
  state->world.spawn("broker-lifecycle", [state] {
    state->run();
    state->fibers.done();
  });
  state->watch = state->world.spawn("broker-catch-up", [state] { state->watch_metadata(); });
}

void BrokerLifecycle::stop() {
  const auto state = state_;
  state->stop();
  state->fibers.wait();
}

void BrokerLifecycle::abandon() { state_->stop(); }

void BrokerLifecycle::set_ready() {
  state_->ready = true;
  state_->poke();
}

void BrokerLifecycle::metadata_changed(const raft::MetadataImage& image) {
  State& state = *state_;
  if (!state.registered || state.owes_directories || state.options.log_dirs.empty()) return;
  if (!raft::MetadataVersion::of(image).has_directories()) return;
  const raft::BrokerImage* own = image.brokers.get(state.options.node_id);
  if (own == nullptr || own->epoch != state.epoch || !own->log_dirs.empty()) return;
  state.owes_directories = true;
  state.poke();
}

void BrokerLifecycle::set_offline_log_dirs(std::vector<Uuid> directories) {
  state_->offline = std::move(directories);
  state_->poke();
}

LifecycleState BrokerLifecycle::state() const { return state_->state; }

std::int64_t BrokerLifecycle::broker_epoch() const { return state_->epoch; }

bool BrokerLifecycle::is_fenced() const { return state_->fenced; }

bool BrokerLifecycle::wait_until_registered(Instant deadline) {
  const auto state = state_;
  return state->wait_for(deadline, [&] { return state->registered; });
}

bool BrokerLifecycle::wait_until_caught_up(Instant deadline) {
  const auto state = state_;
  return state->wait_for(deadline, [&] { return state->registered && state->caught_up; });
}

bool BrokerLifecycle::wait_until_unfenced(Instant deadline) {
  const auto state = state_;
  return state->wait_for(deadline, [&] { return state->registered && !state->fenced; });
}

bool BrokerLifecycle::begin_controlled_shutdown(Instant deadline) {
  const auto state = state_;
  if (state->ended()) return false;
  // Who was never registered has nothing to hand over.
  if (state->epoch < 0) {
    state->state = LifecycleState::shutting_down;
    return true;
  }
  state->wants_shut_down = true;
  if (!state->may_shut_down) state->state = LifecycleState::pending_controlled_shutdown;
  state->poke();
  const bool allowed = state->wait_for(deadline, [&] { return state->may_shut_down; });
  if (!state->ended()) state->state = LifecycleState::shutting_down;
  return allowed;
}

}  // namespace squall::broker
