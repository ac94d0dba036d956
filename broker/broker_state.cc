#include "broker/broker_state.h"

#include "broker/control_plane.h"

namespace squall::broker {

BrokerState::BrokerState(runtime::World& its_world, BrokerConfig its_config)
    : world{its_world},
      config{std::move(its_config)},
      metrics{its_world.metrics()},
      config_image{std::make_shared<const MetadataImage>()},
      metadata_turn{its_world},
      directories{*this},
      fetch_sessions{static_cast<std::size_t>(config.integer("max.incremental.fetch.session.cache.slots")),
                     its_world.fork_random("fetch-sessions")},
      producer_ids{its_world},
      start_ended{its_world},
      failure_waiters{its_world} {}

BrokerState::~BrokerState() = default;

const std::shared_ptr<const MetadataImage>& BrokerState::image() const { return control_plane->loader->image(); }

TopicConfig BrokerState::topic_config(std::string_view topic) const {
  return resolve_topic_config(config_image->config_of(ConfigResource::topic, topic), config,
                              config_image->config_of(ConfigResource::broker, ""));
}

void BrokerState::fail(std::string reason, ExitCode code) {
  if (!failure) failure = StartError{code, std::move(reason)};
  failure_waiters.wake_all();
  if (!starting) return;
  if (lifecycle_channel) lifecycle_channel->stop();
  if (lifecycle) lifecycle->abandon();
}

}  // namespace squall::broker
