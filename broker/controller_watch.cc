#include "broker/controller_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "broker/broker_state.h"
#include "broker/control_plane.h"
#include "protocol/messages/controller_registration.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

void tell_listeners(const BrokerState& state, protocol::ControllerRegistrationRequest& request) {
  for (const ListenerState& listener : state.listeners) {
    if (listener.kind != ListenerKind::controller) continue;
    auto& told = request.listeners.emplace_back();
    told.name = listener.config.name;
    told.host = listener.advertised_host;
    told.port = listener.advertised_port;
  }
}

void tell_features(protocol::ControllerRegistrationRequest& request) {
  for (const auto& [name, levels] : raft::supported_features()) {
    auto& feature = request.features.emplace_back();
    feature.name = name;
    feature.min_supported_version = levels.min;
    feature.max_supported_version = levels.max;
  }
}

std::string voters_text(const raft::Quorum& quorum) {
  std::string text;
  for (const raft::Voter& voter : quorum.voters().voters()) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", voter.key.id);
    if (!voter.endpoints.empty()) text += fmt::format("@{}:{}", voter.endpoints.front().host, voter.endpoints.front().port);
  }
  return text;
}

}  // namespace

void announce_controller(const std::shared_ptr<BrokerState>& state) {
  state->world.spawn("announce-controller", [state] {
    protocol::ControllerRegistrationRequest request;
    request.controller_id = state->config.node_id.value();
    request.incarnation_id = state->incarnation;
    tell_listeners(*state, request);
    tell_features(request);
    constexpr Duration pause = std::chrono::seconds{1};
    Watch stop{state->world, 1};
    stop.add(state->stop_watchers);
    while (!state->stopping && !state->failure) {
      const auto image = state->image();
      const raft::ControllerImage* known = image->controllers.get(state->config.node_id);
      const bool due = raft::MetadataVersion::of(*image).has_controller_registration() &&
                       (known == nullptr || known->incarnation != state->incarnation);
      if (due) (void)state->controller_channel->ask(request, runtime::deadline_in(state->world, pause));
      (void)stop.wait_until(runtime::deadline_in(state->world, pause));
    }
  });
}

void watch_controller(const std::shared_ptr<BrokerState>& state) {
  state->world.spawn("watch-controller", [state] {
    constexpr Duration interval = std::chrono::seconds{5};
    const raft::QuorumNode& quorum = *state->control_plane->quorum;
    // What an idle controller commits all the time shows that it is there: a voter remembers a leader that is gone.
    const auto idle = state->config.milliseconds("metadata.max.idle.interval.ms");
    const bool shows_life = idle > Duration{0} && idle < interval;
    Instant seen = state->world.now();
    Offset committed = quorum.committed();
    bool was_missing = false;
    Watch stop{state->world, 1};
    stop.add(state->stop_watchers);
    while (!state->stopping && !state->failure) {
      (void)stop.wait_until(runtime::deadline_in(state->world, interval));
      const Instant now = state->world.now();
      const Offset before = std::exchange(committed, quorum.committed());
      const bool missing = !quorum.leader().has_value() || (shows_life && committed == before);
      if (!missing) seen = now;
      const bool tell = missing && (was_missing || state->starting) && !state->stopping;
      was_missing = missing;
      if (!tell) continue;
      const std::string voters = voters_text(quorum.core());
      state->world.emit(runtime::EventName::controller_missing, {{"for_ms", to_ms(now - seen)},
                                                                 {"epoch", quorum.core().epoch().value()},
                                                                 {"voters", voters},
                                                                 {"starting", std::int64_t{state->starting}}});
    }
  });
}

}  // namespace squall::broker
