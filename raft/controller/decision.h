// What the controller decides: pure functions from the image and a request to records and a response (decide -> log -> replay).
//
// They change nothing; the records do, once they are in the log and replayed. Error codes and rules are Kafka's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/quote.h"
#include "base/random.h"
#include "base/time.h"
#include "protocol/error_code.h"
#include "protocol/messages/metadata_records.h"
#include "raft/controller/config_schema.h"
#include "raft/metadata/metadata_image.h"

namespace squall::raft {

using Records = std::vector<protocol::MetadataRecord>;

template <class Answer>
struct Decision {
  Records records;  // empty: nothing is to be logged
  Answer response;
  // All of the records become visible at once or not at all. Others may be split over batches: each prefix makes sense.
  bool atomic = true;
};

// Most records that one operation of a user may make, and that one batch of the log holds, as in Kafka's controller.
inline constexpr std::size_t records_per_operation_max = 10'000;
inline constexpr std::int64_t producer_id_block = 1000;

struct ControllerSettings {
  NodeId node_id;
  std::string cluster_id;
  SupportedFeatures features;  // what this controller can work with
  // The broker in this process, if it has that role: an earlier incarnation of it is known to be gone.
  std::optional<Uuid> own_broker;

  Duration session_timeout = std::chrono::seconds{9};
  Duration leader_imbalance_check_interval = std::chrono::seconds{300};
  Duration unclean_election_interval = std::chrono::seconds{300};
  std::optional<Duration> no_op_interval = std::chrono::milliseconds{500};  // none: no such records
  bool auto_leader_rebalance = true;
  // Most elections of one pass of the periodic tasks; the rest follows in the next.
  std::size_t elections_per_pass_max = 1'000;
};

// The levels of features that this version of Squall works with.
[[nodiscard]] SupportedFeatures supported_features();

// What decisions are taken from. `random` draws topic ids and where placement begins.
struct DecisionContext {
  const MetadataImage& image;
  const ControllerSettings& settings;
  const ConfigSchema& schema;
  Random& random;
};

struct Refusal {
  protocol::ErrorCode code{};
  std::string message;
};
using Verdict = std::optional<Refusal>;

// Tells a result of a response what it came to.
template <class Result>
void note(Result& result, const Verdict& refusal) {
  result.error_message = std::nullopt;
  if (!refusal) return;
  result.error_code = protocol::to_wire(refusal->code);
  result.error_message = refusal->message;
}

// STALE_BROKER_EPOCH unless `broker` is registered with that epoch.
[[nodiscard]] Verdict check_broker_epoch(const MetadataImage& image, NodeId broker, std::int64_t epoch);

// What is wrong with `name` as the name of a topic, or nothing.
[[nodiscard]] std::optional<std::string> check_topic_name(std::string_view name);

}  // namespace squall::raft
