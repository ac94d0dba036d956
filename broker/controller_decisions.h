// What the controller decides: pure functions from the image and a request to records and a response (decide -> log -> replay).
// They change nothing; the records do, once they are durable and replayed. Error codes and rules are Kafka's.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "broker/config.h"
#include "broker/metadata_image.h"
#include "broker/metadata_record.h"
#include "protocol/messages/create_partitions.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/delete_topics.h"
#include "protocol/messages/incremental_alter_configs.h"

namespace squall::broker {

template <class Response>
struct Decision {
  std::vector<MetadataRecord> records;  // empty: nothing is to be logged
  Response response;
};

// What decisions are taken from. `random` draws topic ids.
struct DecisionInput {
  const MetadataImage& image;
  const BrokerConfig& config;
  Random& random;
};

// Most records that one operation may make, as in Kafka's controller.
inline constexpr std::size_t records_per_operation_max = 10'000;
inline constexpr std::int64_t producer_id_block = 1000;

[[nodiscard]] Decision<protocol::CreateTopicsResponse> decide_create_topics(const DecisionInput& input,
                                                                            const protocol::CreateTopicsRequest& request);
[[nodiscard]] Decision<protocol::DeleteTopicsResponse> decide_delete_topics(const DecisionInput& input,
                                                                            const protocol::DeleteTopicsRequest& request);
[[nodiscard]] Decision<protocol::CreatePartitionsResponse> decide_create_partitions(
    const DecisionInput& input, const protocol::CreatePartitionsRequest& request);
[[nodiscard]] Decision<protocol::IncrementalAlterConfigsResponse> decide_alter_configs(
    const DecisionInput& input, const protocol::IncrementalAlterConfigsRequest& request);

struct ProducerIdBlock {
  std::int64_t first = 0;
  std::int64_t count = 0;
};
[[nodiscard]] Decision<ProducerIdBlock> decide_producer_id_block(const DecisionInput& input);

// The records that a new cluster begins with: feature levels.
[[nodiscard]] std::vector<MetadataRecord> bootstrap_records();
// The registration of this broker, unfenced: one node is its own controller.
struct Registration {
  Uuid incarnation;
  std::vector<BrokerEndpointImage> endpoints;
  std::vector<Uuid> log_dirs;
};
[[nodiscard]] std::vector<MetadataRecord> registration_records(const BrokerConfig& config, const Registration& registration);

// What is wrong with `name` as the name of a topic, or nothing.
[[nodiscard]] std::optional<std::string> check_topic_name(std::string_view name);

}  // namespace squall::broker
