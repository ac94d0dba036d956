// The broker's tables of configuration keys, as the controller asks for them.
#pragma once

#include "broker/config.h"
#include "raft/controller/config_schema.h"

namespace squall::broker {

class BrokerConfigSchema final : public raft::ConfigSchema {
 public:
  // `config` outlives the schema.
  explicit BrokerConfigSchema(const BrokerConfig& config) : config_{config} {}

  // Topics can be altered, and of brokers what is in `dynamic_broker_config_keys`.
  [[nodiscard]] std::optional<std::string> refuses(raft::ConfigResource resource,
                                                   const std::vector<std::string>& keys) const override;
  [[nodiscard]] bool knows(raft::ConfigResource resource, std::string_view key) const override;
  [[nodiscard]] bool is_list(raft::ConfigResource resource, std::string_view key) const override;
  [[nodiscard]] std::optional<std::string> check(raft::ConfigResource resource, std::string_view key,
                                                 std::string_view value) const override;
  [[nodiscard]] std::optional<std::string> effective(raft::ConfigResource resource, std::string_view key,
                                                     const ConfigValues& own, const ConfigValues& cluster) const override;
  [[nodiscard]] std::vector<protocol::CreateTopicsResponse::CreatableTopicConfigs> describe_topic(
      const ConfigValues& own) const override;
  [[nodiscard]] std::int32_t num_partitions() const override { return config_.num_partitions; }
  [[nodiscard]] std::int16_t default_replication_factor() const override { return config_.default_replication_factor; }

 private:
  const BrokerConfig& config_;
};

}  // namespace squall::broker
