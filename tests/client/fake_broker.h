// A scripted Kafka cluster in memory, for the tests of the clients: it keeps its records outside its nodes, checks sequences as
// a broker does, and misbehaves as told.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/types.h"
#include "base/uuid.h"
#include "client/versions.h"
#include "protocol/error_code.h"
#include "protocol/messages/headers.h"
#include "protocol/record_batch.h"
#include "protocol/request.h"
#include "protocol/writer.h"
#include "runtime/world.h"

namespace squall::client {

struct FakePartition {
  NodeId leader{0};
  LeaderEpoch epoch{0};
  Offset log_start{0};
  std::vector<ByteBuffer> batches;
  struct Producer {
    ProducerEpoch epoch;
    std::int32_t next_sequence = 0;
    std::map<std::int32_t, Offset> appended;  // by base sequence
  };
  std::map<std::int64_t, Producer> producers;
  struct Aborted {
    ProducerId producer;
    Offset first;
    Offset last;  // its marker
  };
  std::vector<Aborted> aborted;  // told to readers of committed records

  [[nodiscard]] Offset end() const {
    return batches.empty() ? log_start : protocol::RecordBatchView{batches.back()}.next_offset();
  }
  protocol::ErrorCode append(ByteView bytes, Offset& base_offset);
  // As it is, at the end, without a look at sequences. The offset it got.
  Offset append_unchecked(ByteView bytes);
  // The values of all records, in order.
  [[nodiscard]] std::vector<std::string> values() const;
};

struct FakeTopic {
  Uuid id;
  std::vector<FakePartition> partitions;
};

// What becomes of one produce request (or fetch).
struct Step {
  enum Kind : std::uint8_t { answer, refuse, drop_before, drop_after, hold } kind = answer;
  protocol::ErrorCode code{};
  Duration pause{};
};

struct FakeCluster {
  std::vector<runtime::Endpoint> nodes;
  std::map<std::string, FakeTopic> topics;
  std::deque<Step> produce_script;  // one for each produce request, until it is empty
  std::deque<Step> fetch_script;
  std::int16_t api_versions_max = 4;
  std::int16_t produce_max = 13;
  std::int16_t fetch_max = 18;
  std::int32_t controller = 0;
  bool grants_sessions = true;
  std::map<std::pair<std::string, std::int32_t>, std::optional<std::vector<std::int32_t>>> reassigned;  // as it was asked for
  // What was seen
  std::map<std::int16_t, int> requests;         // by API key
  std::vector<std::size_t> fetched_partitions;  // that each fetch request named
  std::vector<std::int32_t> session_epochs;
  std::int64_t producer_ids = 1000;
  std::int32_t sessions = 0;
  std::map<std::int32_t, std::map<std::pair<Uuid, std::int32_t>, protocol::FetchRequest::FetchPartition>> session_state;

  FakePartition& partition(const std::string& topic, int index) {
    return topics.at(topic).partitions.at(static_cast<std::size_t>(index));
  }
  FakeTopic* topic_by(const Uuid& id, const std::string& name);
  void add_topic(const std::string& name, int partitions);
};

// Serves the cluster as node `id`, until its fiber is cancelled.
void serve_fake_node(runtime::World& world, FakeCluster& cluster, NodeId id);

}  // namespace squall::client
