#include "tests/client/fake_broker.h"

#include <algorithm>

#include "protocol/record_batch.h"
#include "runtime/deadline.h"

namespace squall::client {

using protocol::ErrorCode;
using protocol::RecordBatchView;

ErrorCode FakePartition::append(ByteView bytes, Offset& base_offset) {
  const RecordBatchView batch{bytes};
  if (const auto valid = batch.validate_from_producer(); !valid) return error_code_of(valid.error());
  if (batch.has_producer_id()) {
    auto [known, is_new] = producers.try_emplace(batch.producer_id().value());
    Producer& producer = known->second;
    if (is_new || batch.producer_epoch() > producer.epoch) {
      if (!is_new && batch.base_sequence() != 0) return ErrorCode::out_of_order_sequence_number;
      producer = {.epoch = batch.producer_epoch(), .next_sequence = batch.base_sequence(), .appended = {}};
    }
    if (const auto duplicate = producer.appended.find(batch.base_sequence()); duplicate != producer.appended.end()) {
      base_offset = duplicate->second;
      return ErrorCode::none;
    }
    if (batch.base_sequence() != producer.next_sequence) return ErrorCode::out_of_order_sequence_number;
    producer.next_sequence = protocol::sequence_after(batch.base_sequence(), batch.record_count());
    producer.appended[batch.base_sequence()] = end();
  }
  base_offset = append_unchecked(bytes);
  return ErrorCode::none;
}

Offset FakePartition::append_unchecked(ByteView bytes) {
  const Offset base = end();
  ByteBuffer copy{bytes.begin(), bytes.end()};
  protocol::set_base_offset(copy, base);
  protocol::set_partition_leader_epoch(copy, epoch);
  batches.push_back(std::move(copy));
  return base;
}

std::vector<std::string> FakePartition::values() const {
  std::vector<std::string> all;
  protocol::Compressor compressor;
  ByteBuffer scratch;
  for (const ByteBuffer& bytes : batches) {
    auto reader = protocol::RecordReader::open(RecordBatchView{bytes}, compressor, scratch, 1U << 24);
    protocol::RecordView record;
    while (reader && reader->next(record)) all.emplace_back(as_text(*record.value));
  }
  return all;
}

FakeTopic* FakeCluster::topic_by(const Uuid& id, const std::string& name) {
  for (auto& [its_name, topic] : topics) {
    if (name.empty() ? topic.id == id : its_name == name) return &topic;
  }
  return nullptr;
}

void FakeCluster::add_topic(const std::string& name, int partitions) {
  FakeTopic& topic = topics[name];
  topic.id = {.most_significant = 77, .least_significant = topics.size()};
  topic.partitions.resize(static_cast<std::size_t>(partitions));
}

namespace {

// One connection of a node.
class Session {
 public:
  Session(runtime::World& world, FakeCluster& cluster, NodeId id, std::unique_ptr<runtime::Connection> io)
      : world_{world}, cluster_{cluster}, id_{id}, io_{std::move(io)} {}

  void serve() {
    ByteBuffer frame;
    for (;;) {
      std::uint8_t length[4];
      if (!runtime::read_exactly(*io_, length)) return;
      frame.resize(static_cast<std::size_t>(load_be<std::int32_t>(length)));
      if (!runtime::read_exactly(*io_, frame)) return;
      protocol::Reader reader{frame};
      header_ = {};
      if (!protocol::decode_request_header(reader, header_)) return;
      ++cluster_.requests[header_.request_api_key];
      if (!handle(reader)) return;
    }
  }

 private:
  template <class Request>
  bool is() const {
    return header_.request_api_key == Request::api_key;
  }
  [[nodiscard]] std::int16_t version() const { return header_.request_api_version; }

  bool handle(protocol::Reader& reader) {
    if (is<protocol::ApiVersionsRequest>()) return api_versions();
    if (is<protocol::MetadataRequest>()) return with<protocol::MetadataRequest>(reader, &Session::metadata);
    if (is<protocol::InitProducerIdRequest>()) return with<protocol::InitProducerIdRequest>(reader, &Session::init_producer_id);
    if (is<protocol::ProduceRequest>()) return with<protocol::ProduceRequest>(reader, &Session::produce);
    if (is<protocol::FetchRequest>()) return with<protocol::FetchRequest>(reader, &Session::fetch);
    if (is<protocol::ListOffsetsRequest>()) return with<protocol::ListOffsetsRequest>(reader, &Session::list_offsets);
    if (is<protocol::CreateTopicsRequest>()) return with<protocol::CreateTopicsRequest>(reader, &Session::create_topics);
    if (is<protocol::AlterPartitionReassignmentsRequest>()) {
      return with<protocol::AlterPartitionReassignmentsRequest>(reader, &Session::reassign);
    }
    if (is<protocol::ElectLeadersRequest>()) return with<protocol::ElectLeadersRequest>(reader, &Session::elect);
    if (is<protocol::OffsetForLeaderEpochRequest>()) {
      return with<protocol::OffsetForLeaderEpochRequest>(reader, &Session::end_of_epoch);
    }
    return false;
  }

  template <class Request>
  bool with(protocol::Reader& reader, bool (Session::*handler)(const Request&)) {
    Request request;
    if (!decode(reader, version(), request)) return false;
    return (this->*handler)(request);
  }

  template <class Response>
  bool answer(const Response& response, bool flexible_header, std::optional<std::int16_t> in_version = std::nullopt) {
    ByteBuffer out;
    {
      protocol::Writer writer{out};
      writer.integer(std::int32_t{0});
      writer.integer(header_.correlation_id);
      if (flexible_header) writer.unsigned_varint(0);
      if (!encode(writer, in_version.value_or(version()), response)) return false;
    }
    store_be(out.data(), static_cast<std::int32_t>(out.size() - 4));
    return runtime::write_all(*io_, out).has_value();
  }
  template <class Response>
  bool answer(const Response& response) {
    return answer(response, version() >= Response::flexible_min);
  }

  bool api_versions() {
    protocol::ApiVersionsResponse response;
    const bool too_new = version() > cluster_.api_versions_max;
    if (too_new) response.error_code = to_wire(ErrorCode::unsupported_version);
    const auto add = [&response](std::int16_t key, std::int16_t low, std::int16_t high) {
      auto& api = response.api_keys.emplace_back();
      api.api_key_ = key;
      api.min_version = low;
      api.max_version = high;
    };
    add(18, 0, cluster_.api_versions_max);
    if (!too_new) {
      add(0, 3, cluster_.produce_max);
      add(1, 4, cluster_.fetch_max);
      add(2, 1, 10);
      add(3, 0, 13);
      add(19, 2, 7);
      add(22, 0, 5);
      add(23, 2, 4);
      add(43, 0, 2);
      add(45, 0, 1);
    }
    return answer(response, false, too_new ? std::int16_t{0} : version());
  }

  bool metadata(const protocol::MetadataRequest& request) {
    protocol::MetadataResponse response;
    for (std::size_t index = 0; index < cluster_.nodes.size(); ++index) {
      auto& broker = response.brokers.emplace_back();
      broker.node_id = static_cast<std::int32_t>(index);
      broker.host = cluster_.nodes[index].host;
      broker.port = cluster_.nodes[index].port;
    }
    response.controller_id = cluster_.controller;
    response.cluster_id = "fake";
    for (const auto& asked : request.topics.value_or(std::vector<protocol::MetadataRequest::MetadataRequestTopic>{})) {
      auto& topic = response.topics.emplace_back();
      topic.name = asked.name;
      const auto known = cluster_.topics.find(*asked.name);
      if (known == cluster_.topics.end()) {
        topic.error_code = to_wire(ErrorCode::unknown_topic_or_partition);
        continue;
      }
      topic.topic_id = known->second.id;
      for (std::size_t index = 0; index < known->second.partitions.size(); ++index) {
        auto& partition = topic.partitions.emplace_back();
        partition.partition_index = static_cast<std::int32_t>(index);
        partition.leader_id = known->second.partitions[index].leader.value();
        partition.leader_epoch = known->second.partitions[index].epoch.value();
      }
    }
    return answer(response);
  }

  bool init_producer_id(const protocol::InitProducerIdRequest&) {
    protocol::InitProducerIdResponse response;
    response.producer_id = ++cluster_.producer_ids;
    response.producer_epoch = 0;
    return answer(response);
  }

  Step next_step(std::deque<Step>& script) {
    if (script.empty()) return {};
    const Step step = script.front();
    script.pop_front();
    return step;
  }

  bool produce(const protocol::ProduceRequest& request) {
    const Step step = next_step(cluster_.produce_script);
    if (step.kind == Step::drop_before) return false;
    if (step.kind == Step::hold) runtime::sleep_for(world_, step.pause);
    protocol::ProduceResponse response;
    for (const auto& data : request.topic_data) {
      auto& topic = response.responses.emplace_back();
      topic.name = data.name;
      topic.topic_id = data.topic_id;
      FakeTopic* const known = cluster_.topic_by(data.topic_id, data.name);
      for (const auto& sent : data.partition_data) {
        auto& partition = topic.partition_responses.emplace_back();
        partition.index = sent.index;
        FakePartition& log = known->partitions.at(static_cast<std::size_t>(sent.index));
        ErrorCode code = step.code;
        Offset base;
        if (step.kind != Step::refuse) {
          code = log.leader != id_ ? ErrorCode::not_leader_or_follower : log.append(sent.records.bytes, base);
        }
        partition.error_code = to_wire(code);
        partition.base_offset = code == ErrorCode::none ? base.value() : -1;
      }
    }
    if (step.kind == Step::drop_after) return false;
    return request.acks == 0 || answer(response);
  }

  // Offsets of a session are those that its requests named last; what is asked without a session is asked anew each time.
  bool fetch(const protocol::FetchRequest& request) {
    const Step step = next_step(cluster_.fetch_script);
    if (step.kind == Step::drop_before) return false;
    std::size_t named = 0;
    for (const auto& topic : request.topics) named += topic.partitions.size();
    cluster_.fetched_partitions.push_back(named);
    cluster_.session_epochs.push_back(request.session_epoch);
    protocol::FetchResponse response;
    if (step.kind == Step::refuse) {
      response.error_code = to_wire(step.code);
      return answer(response);
    }
    std::int32_t session = request.session_id;
    if (request.session_epoch == 0) session = cluster_.grants_sessions ? ++cluster_.sessions : 0;
    auto& state = cluster_.session_state[session];
    if (session == 0) state.clear();
    for (const auto& topic : request.forgotten_topics_data) {
      for (const std::int32_t index : topic.partitions) state.erase({topic.topic_id, index});
    }
    for (const auto& topic : request.topics) {
      const Uuid id = cluster_.topic_by(topic.topic_id, topic.topic)->id;
      for (const auto& partition : topic.partitions) state[{id, partition.partition}] = partition;
    }
    response.session_id = session;
    const Instant until = runtime::deadline_in(world_, std::chrono::milliseconds{request.max_wait_ms});
    const bool committed = request.isolation_level == 1;
    while (!fill(state, version(), committed, response) && world_.now() < until)
      runtime::sleep_for(world_, std::chrono::milliseconds{5});
    return answer(response);
  }

  // False if there is nothing to tell.
  bool fill(const std::map<std::pair<Uuid, std::int32_t>, protocol::FetchRequest::FetchPartition>& asked,
            std::int16_t in_version, bool read_committed, protocol::FetchResponse& response) {
    response.responses.clear();
    buffers_.clear();
    for (const auto& [key, wanted] : asked) {
      FakeTopic& topic = *cluster_.topic_by(key.first, "");
      FakePartition& log = topic.partitions.at(static_cast<std::size_t>(key.second));
      protocol::FetchResponse::PartitionData data;
      data.partition_index = key.second;
      data.high_watermark = log.end().value();
      data.log_start_offset = log.log_start.value();
      data.last_stable_offset = log.end().value();
      data.aborted_transactions = std::nullopt;
      if (read_committed) {
        auto& aborted = data.aborted_transactions.emplace();
        for (const auto& one : log.aborted) {
          if (one.last.value() < wanted.fetch_offset) continue;
          aborted.push_back({.producer_id = one.producer.value(), .first_offset = one.first.value()});
        }
      }
      ErrorCode code = ErrorCode::none;
      if (log.leader != id_) code = ErrorCode::not_leader_or_follower;
      if (wanted.current_leader_epoch >= 0 && wanted.current_leader_epoch < log.epoch.value()) {
        code = ErrorCode::fenced_leader_epoch;
      }
      const Offset from{wanted.fetch_offset};
      if (code == ErrorCode::none && (from < log.log_start || from > log.end())) code = ErrorCode::offset_out_of_range;
      data.error_code = to_wire(code);
      ByteBuffer& bytes = *buffers_.emplace_back(std::make_unique<ByteBuffer>());
      for (const ByteBuffer& batch : log.batches) {
        if (code == ErrorCode::none && RecordBatchView{batch}.last_offset() >= from) {
          bytes.insert(bytes.end(), batch.begin(), batch.end());
        }
      }
      data.records = protocol::Records::of(bytes);
      if (code == ErrorCode::none && bytes.empty()) continue;
      auto& answered = response.responses.emplace_back();
      if (in_version >= 13) {
        answered.topic_id = key.first;
      } else {
        for (const auto& [name, candidate] : cluster_.topics) {
          if (candidate.id == key.first) answered.topic = name;
        }
      }
      answered.partitions.push_back(data);
    }
    return !response.responses.empty();
  }

  bool list_offsets(const protocol::ListOffsetsRequest& request) {
    protocol::ListOffsetsResponse response;
    for (const auto& asked : request.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = asked.name;
      for (const auto& wanted : asked.partitions) {
        const FakePartition& log = cluster_.partition(asked.name, wanted.partition_index);
        auto& partition = topic.partitions.emplace_back();
        partition.partition_index = wanted.partition_index;
        if (log.leader != id_) partition.error_code = to_wire(ErrorCode::not_leader_or_follower);
        if (wanted.timestamp == -1) partition.offset = log.end().value();
        if (wanted.timestamp == -2) partition.offset = log.log_start.value();
        if (wanted.timestamp >= 0) {
          const auto found = std::ranges::find_if(log.batches, [&wanted](const ByteBuffer& batch) {
            return RecordBatchView{batch}.max_timestamp_ms() >= wanted.timestamp;
          });
          partition.offset = found == log.batches.end() ? -1 : RecordBatchView{*found}.base_offset().value();
        }
      }
    }
    return answer(response);
  }

  bool end_of_epoch(const protocol::OffsetForLeaderEpochRequest& request) {
    protocol::OffsetForLeaderEpochResponse response;
    for (const auto& asked : request.topics) {
      auto& topic = response.topics.emplace_back();
      topic.topic = asked.topic;
      for (const auto& wanted : asked.partitions) {
        const FakePartition& log = cluster_.partition(asked.topic, wanted.partition);
        auto& partition = topic.partitions.emplace_back();
        partition.partition = wanted.partition;
        partition.leader_epoch = -1;
        partition.end_offset = -1;
        for (const ByteBuffer& bytes : log.batches) {
          const RecordBatchView batch{bytes};
          if (batch.partition_leader_epoch().value() > wanted.leader_epoch) break;
          partition.leader_epoch = batch.partition_leader_epoch().value();
          partition.end_offset = batch.next_offset().value();
        }
      }
    }
    return answer(response);
  }

  bool create_topics(const protocol::CreateTopicsRequest& request) {
    protocol::CreateTopicsResponse response;
    for (const auto& asked : request.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = asked.name;
      if (id_.value() != cluster_.controller) {
        topic.error_code = to_wire(ErrorCode::not_controller);
      } else if (cluster_.topics.contains(asked.name)) {
        topic.error_code = to_wire(ErrorCode::topic_already_exists);
      } else {
        cluster_.add_topic(asked.name, asked.num_partitions);
      }
    }
    return answer(response);
  }

  [[nodiscard]] bool has(const std::string& topic, std::int32_t partition) const {
    const auto found = cluster_.topics.find(topic);
    return found != cluster_.topics.end() && static_cast<std::size_t>(partition) < found->second.partitions.size();
  }

  bool reassign(const protocol::AlterPartitionReassignmentsRequest& request) {
    protocol::AlterPartitionReassignmentsResponse response;
    if (id_.value() != cluster_.controller) {
      response.error_code = to_wire(ErrorCode::not_controller);
      return answer(response);
    }
    for (const auto& asked : request.topics) {
      auto& topic = response.responses.emplace_back();
      topic.name = asked.name;
      for (const auto& moved : asked.partitions) {
        auto& partition = topic.partitions.emplace_back();
        partition.partition_index = moved.partition_index;
        if (has(asked.name, moved.partition_index)) {
          cluster_.reassigned[{asked.name, moved.partition_index}] = moved.replicas;
        } else {
          partition.error_code = to_wire(ErrorCode::unknown_topic_or_partition);
        }
      }
    }
    return answer(response);
  }

  // Node 0 is every partition's preferred leader.
  bool elect(const protocol::ElectLeadersRequest& request) {
    protocol::ElectLeadersResponse response;
    if (id_.value() != cluster_.controller) {
      response.error_code = to_wire(ErrorCode::not_controller);
      return answer(response);
    }
    for (const auto& asked : *request.topic_partitions) {
      auto& topic = response.replica_election_results.emplace_back();
      topic.topic = asked.topic;
      for (const std::int32_t index : asked.partitions) {
        auto& result = topic.partition_result.emplace_back();
        result.partition_id = index;
        NodeId& leader = cluster_.partition(asked.topic, index).leader;
        if (leader == NodeId{0}) result.error_code = to_wire(ErrorCode::election_not_needed);
        leader = NodeId{0};
      }
    }
    return answer(response);
  }

  runtime::World& world_;
  FakeCluster& cluster_;
  NodeId id_;
  std::unique_ptr<runtime::Connection> io_;
  protocol::RequestHeader header_;
  std::vector<std::unique_ptr<ByteBuffer>> buffers_;
};

}  // namespace

void serve_fake_node(runtime::World& world, FakeCluster& cluster, NodeId id) {
  auto listener = world.listen({.host = "", .port = cluster.nodes[static_cast<std::size_t>(id.value())].port});
  while (true) {
    auto accepted = (*listener)->accept();
    if (!accepted) return;
    world.spawn("fake broker session", [&world, &cluster, id, io = std::move(*accepted)]() mutable {
      Session{world, cluster, id, std::move(io)}.serve();
    });
  }
}

}  // namespace squall::client
