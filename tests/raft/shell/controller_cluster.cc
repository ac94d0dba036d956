#include "tests/raft/shell/controller_cluster.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "client/versions.h"
#include "log/log_manager.h"
#include "protocol/api.h"
#include "protocol/messages/api_versions.h"
#include "protocol/request.h"
#include "raft/shell/wire.h"
#include "runtime/condition.h"

namespace squall::raft {
namespace {

constexpr std::uint16_t port = 9093;
constexpr std::string_view listener_name = "CONTROLLER";

// One connection to a controller.
class Session {
 public:
  Session(QuorumNode& quorum, ControllerNode& controller, std::unique_ptr<runtime::Connection> io)
      : quorum_{quorum}, controller_{controller}, io_{std::move(io)} {}

  void serve(runtime::World& world) {
    ByteBuffer frame;
    while (true) {
      std::uint8_t length[4];
      if (!runtime::read_exactly(*io_, length)) return;
      frame.resize(static_cast<std::size_t>(load_be<std::int32_t>(length)));
      if (!runtime::read_exactly(*io_, frame)) return;
      protocol::Reader reader{frame};
      header_ = {};
      if (!protocol::decode_request_header(reader, header_) || !handle(world, reader)) return;
    }
  }

 private:
  bool handle(runtime::World& world, protocol::Reader& reader) {
    switch (header_.request_api_key) {
      case protocol::ApiVersionsRequest::api_key: return api_versions();
      case protocol::VoteRequest::api_key: return ask<protocol::VoteRequest, VoteResponse>(reader);
      case protocol::BeginQuorumEpochRequest::api_key:
        return ask<protocol::BeginQuorumEpochRequest, BeginQuorumEpochResponse>(reader);
      case protocol::EndQuorumEpochRequest::api_key:
        return ask<protocol::EndQuorumEpochRequest, EndQuorumEpochResponse>(reader);
      case protocol::FetchRequest::api_key: return ask<protocol::FetchRequest, FetchResponse>(reader);
      case protocol::FetchSnapshotRequest::api_key: return ask<protocol::FetchSnapshotRequest, FetchSnapshotResponse>(reader);
      case protocol::BrokerRegistrationRequest::api_key: return submit<protocol::BrokerRegistrationRequest>(world, reader);
      case protocol::BrokerHeartbeatRequest::api_key: return submit<protocol::BrokerHeartbeatRequest>(world, reader);
      case protocol::AllocateProducerIdsRequest::api_key: return submit<protocol::AllocateProducerIdsRequest>(world, reader);
      case protocol::EnvelopeRequest::api_key: return envelope(reader);
      default: return false;
    }
  }
  [[nodiscard]] WireContext context() const {
    return {.cluster_id = test_cluster,
            .version = header_.request_api_version,
            .local = quorum_.core().config().local.id,
            .listener = listener_name};
  }
  template <class Response>
  bool answer(const Response& response, std::int16_t version) {
    ByteBuffer out;
    {
      protocol::Writer writer{out};
      writer.integer(std::int32_t{0});
      writer.integer(header_.correlation_id);
      const bool versions = header_.request_api_key == protocol::ApiVersionsRequest::api_key;
      if (!versions && version >= Response::flexible_min) writer.unsigned_varint(0);
      if (!encode(writer, version, response)) return false;
    }
    store_be(out.data(), static_cast<std::int32_t>(out.size() - 4));
    return runtime::write_all(*io_, out).has_value();
  }
  template <class Request, class Answer>
  bool ask(protocol::Reader& reader) {
    Request request;
    if (!decode(reader, header_.request_api_version, request)) return false;
    auto question = read(request, context());
    using Response = typename client::Api<Request>::Response;
    if (!question) return answer(refusal<Response>(question.error()), header_.request_api_version);
    auto answered = quorum_.ask(std::move(*question));
    if (!answered) return false;
    const Answer& body = std::get<Answer>(answered->body);
    if constexpr (std::is_same_v<Answer, FetchResponse> || std::is_same_v<Answer, FetchSnapshotResponse>) {
      ByteBuffer bytes(answered->bytes.bytes);
      if (!bytes.empty() && !runtime::pread_full(*answered->bytes.file, bytes, answered->bytes.position)) return false;
      auto response = write(body, context(), bytes.size());
      put_records(response, bytes);
      return answer(response, header_.request_api_version);
    } else {
      return answer(write(body, context()), header_.request_api_version);
    }
  }
  static void put_records(protocol::FetchResponse& response, ByteView bytes) {
    for (auto& topic : response.responses) {
      for (auto& partition : topic.partitions) partition.records = protocol::Records::of(bytes);
    }
  }
  static void put_records(protocol::FetchSnapshotResponse& response, ByteView bytes) {
    for (auto& topic : response.topics) {
      for (auto& partition : topic.partitions) partition.unaligned_records = protocol::Records::of(bytes);
    }
  }
  template <class Request>
  bool submit(runtime::World& world, protocol::Reader& reader) {
    Request request;
    if (!decode(reader, header_.request_api_version, request)) return false;
    auto answered = controller_.submit(request, world.now() + 5s);
    ControllerAnswer<Request> response;
    if (answered) response = *answered;
    if (!answered) response.error_code = protocol::to_wire(answered.error());
    return answer(response, header_.request_api_version);
  }
  // Says the request back.
  bool envelope(protocol::Reader& reader) {
    protocol::EnvelopeRequest request;
    if (!decode(reader, header_.request_api_version, request)) return false;
    protocol::EnvelopeResponse response;
    if (controller_.is_active()) response.response_data = request.request_data;
    if (!controller_.is_active()) response.error_code = protocol::to_wire(ErrorCode::not_controller);
    return answer(response, header_.request_api_version);
  }
  bool api_versions() {
    protocol::ApiVersionsResponse response;
    for (const protocol::ApiInfo& api : protocol::all_apis()) {
      if (!api.on_controller && api.key != protocol::ApiKey::fetch) continue;
      auto& out = response.api_keys.emplace_back();
      out.api_key_ = static_cast<std::int16_t>(api.key);
      out.min_version = api.served().min;
      out.max_version = api.served().max;
    }
    return answer(response, std::min<std::int16_t>(header_.request_api_version, protocol::ApiVersionsResponse::version_max));
  }

  QuorumNode& quorum_;
  ControllerNode& controller_;
  std::unique_ptr<runtime::Connection> io_;
  protocol::RequestHeader header_;
};

// Serves until the listener is closed.
void accept_all(runtime::World& world, runtime::Listener& listener, QuorumNode& quorum, ControllerNode& controller) {
  while (true) {
    auto accepted = listener.accept();
    if (!accepted) return;
    world.spawn("session", [&world, &quorum, &controller, io = std::move(*accepted)]() mutable {
      Session{quorum, controller, std::move(io)}.serve(world);
    });
  }
}

}  // namespace

VoterSet ControllerCluster::voters() const {
  std::vector<Voter> all;
  for (std::size_t index = 0; index < nodes.size(); ++index) {
    all.push_back({.key = {.id = NodeId{static_cast<std::int32_t>(index) + 1}, .directory = {}},
                   .endpoints = {{.name = std::string{listener_name}, .host = nodes[index]->host(), .port = port}},
                   .kraft_versions = {0, 1}});
  }
  return VoterSet{std::move(all)};
}

void ControllerCluster::process(runtime::World& world, std::size_t index) {
  const NodeId id{static_cast<std::int32_t>(index) + 1};
  log::LogManagerOptions log_options;
  log_options.log_dirs = {"/data"};
  log_options.cluster_id = std::string{test_cluster};
  log_options.node_id = id;
  log_options.config_of = [this](std::string_view) { return metadata_log_config(settings.segment_bytes); };
  log::LogManager manager{world, log_options};
  if (const auto opened = manager.open(); !opened) return failures.push_back(opened.error().reason);
  manager.start();
  auto log = manager.create_log({std::string{metadata_topic_name}, squall::PartitionIndex{0}}, metadata_topic_id);
  if (!log) return failures.push_back("no log");
  auto metadata = MetadataLog::open(world, *log, {.dir = "/data/__cluster_metadata-0", .static_voters = voters()});
  if (!metadata) return failures.push_back(metadata.error());

  const auto fail = [this](std::string reason) { failures.push_back(std::move(reason)); };
  QuorumNodeOptions quorum_options;
  quorum_options.quorum.local = {.id = id, .directory = manager.dirs().front().directory_id};
  quorum_options.quorum.endpoints = {{.name = std::string{listener_name}, .host = nodes[index]->host(), .port = port}};
  quorum_options.cluster_id = std::string{test_cluster};
  quorum_options.listener = std::string{listener_name};
  quorum_options.on_failure = fail;
  MetadataLog& metadata_log = **metadata;
  QuorumNode quorum{world, metadata_log, quorum_options};
  ControllerNodeOptions controller_options;
  controller_options.settings = test_settings();
  controller_options.settings.node_id = id;
  controller_options.settings.session_timeout = settings.session_timeout;
  controller_options.bootstrap = bootstrap_records(plain_features, schema);
  controller_options.on_failure = fail;
  controller_options.limits = settings.limits;
  ControllerNode controller{world, quorum, schema, controller_options};
  MetadataLoaderOptions loader_options;
  loader_options.on_image = [this, index](const std::shared_ptr<const MetadataImage>& image, const MetadataDelta& delta) {
    deltas[index].push_back(delta);
    if (on_image) on_image(index, image);
  };
  loader_options.on_failure = fail;
  loader_options.snapshot_bytes = settings.snapshot_bytes;
  loader_options.retention = settings.retention;
  MetadataLoader loader{world, quorum, loader_options};
  auto listener = world.listen({nodes[index]->host(), port});
  if (!listener) return failures.push_back("no listener");
  world.spawn("accept", [&] { accept_all(world, **listener, quorum, controller); });
  quorum.start();
  controller.start();
  loader.start();

  auto running =
      std::make_shared<Running>(Running{.world = &world, .quorum = &quorum, .controller = &controller, .loader = &loader});
  live[index] = running;
  if (on_start) on_start(index, running);
  bool stop = false;
  runtime::Condition stopped{world};
  nodes[index]->set_stop_handler([&] {
    stop = true;
    stopped.notify_all();
  });
  stopped.wait([&] { return stop; });
  live[index] = nullptr;
  loader.stop();
  controller.stop();
  quorum.stop(1s);
  (*listener)->close();
  manager.shutdown();
}

void ControllerCluster::start(std::size_t count, Settings its_settings) {
  settings = its_settings;
  live.resize(count);
  for (std::size_t index = 0; index < count; ++index) {
    nodes.push_back(&simulation.add_node({.name = "controller" + std::to_string(index + 1)}));
  }
  for (std::size_t index = 0; index < count; ++index) {
    nodes[index]->start("controller", [this, index](runtime::World& world) { process(world, index); });
  }
}

void ControllerCluster::run(std::size_t index, const std::function<void(Running&)>& body) {
  bool ended = false;
  const auto running = live[index];
  ASSERT_NE(running, nullptr) << "node " << index << " does not run";
  nodes[index]->spawn("test", [&ended, body, running] {
    body(*running);
    ended = true;
  });
  EXPECT_TRUE(run_until([&] { return ended; }, 120s)) << "the test's fiber hangs";
}

std::size_t ControllerCluster::wait_for_active(Duration limit) {
  const auto active = [this] {
    for (std::size_t index = 0; index < live.size(); ++index) {
      if (nodes[index]->state() == sim::NodeState::running && live[index] && live[index]->controller->is_active()) return index;
    }
    return live.size();
  };
  (void)run_until([&] { return active() < live.size(); }, limit);
  return active();
}

std::string ControllerCluster::describe() {
  std::string text;
  for (const std::string& reason : failures) text += "\nfailed: " + reason;
  for (std::size_t index = 0; index < live.size(); ++index) {
    text += "\n" + nodes[index]->name() + (nodes[index]->paused() ? " (paused)" : "") + ": ";
    if (live[index] == nullptr) {
      text += "does not run";
      continue;
    }
    const QuorumNode& quorum = *live[index]->quorum;
    text += quorum.core().describe() + " committed " + std::to_string(quorum.committed().value()) + " published " +
            std::to_string(image(index).end_offset.value()) + " replayed " +
            std::to_string(live[index]->controller->core().image()->end_offset.value()) + " log " +
            std::to_string(live[index]->quorum->log().log_start().value()) + ".." +
            std::to_string(live[index]->quorum->log().log_end().value());
  }
  for (const std::string& line : simulation.recent_events(30)) text += "\n  " + line;
  return text;
}

void ControllerCluster::make_brokers(std::size_t index, std::int32_t count) {
  run(index, [count](Running& node) {
    for (std::int32_t id = 0; id < count; ++id) {
      protocol::BrokerRegistrationRequest request;
      request.broker_id = id;
      request.cluster_id = test_cluster;
      request.incarnation_id = Uuid{1000 + static_cast<std::uint64_t>(id), 1};
      request.listeners.push_back({.name = "PLAINTEXT", .host = "b", .port = 9092, .security_protocol = 0});
      for (const auto& [name, levels] : test_features()) {
        request.features.push_back({.name = name, .min_supported_version = levels.min, .max_supported_version = levels.max});
      }
      request.log_dirs = {Uuid{500, static_cast<std::uint64_t>(id)}};
      const auto registered = node.controller->submit(request, node.world->now() + 5s);
      ASSERT_TRUE(registered.has_value());
      ASSERT_EQ(registered->error_code, 0);
      protocol::BrokerHeartbeatRequest heartbeat;
      heartbeat.broker_id = id;
      heartbeat.broker_epoch = registered->broker_epoch;
      heartbeat.current_metadata_offset = node.controller->core().image()->end_offset.value();
      const auto answered = node.controller->submit(heartbeat, node.world->now() + 5s);
      ASSERT_TRUE(answered.has_value());
      ASSERT_FALSE(answered->is_fenced);
    }
  });
}

ErrorCode ControllerCluster::create_topic(Running& node, const std::string& name, Duration patience, std::int32_t partitions) {
  protocol::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = partitions;
  topic.replication_factor = 1;
  const auto answered = node.controller->submit(request, node.world->now() + patience);
  return answered ? static_cast<ErrorCode>(answered->topics.at(0).error_code) : answered.error();
}

}  // namespace squall::raft
