#include "tests/raft/shell/quorum_cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/framing.h"
#include "protocol/messages/headers.h"
#include "protocol/record_batch_builder.h"
#include "protocol/request.h"
#include "raft/shell/wire.h"
#include "runtime/deadline.h"

namespace squall::raft {
namespace {

constexpr std::uint16_t port = 9093;

// One connection of a node.
class Session {
 public:
  Session(QuorumNode& quorum, std::unique_ptr<runtime::Connection> io) : quorum_{quorum}, io_{std::move(io)} {}

  void serve() {
    ByteBuffer frame;
    for (;;) {
      std::uint8_t length[4];
      if (!runtime::read_exactly(*io_, length)) return;
      frame.resize(static_cast<std::size_t>(load_be<std::int32_t>(length)));
      if (!runtime::read_exactly(*io_, frame)) return;
      protocol::Reader reader{frame};
      header_ = {};
      if (!protocol::decode_request_header(reader, header_) || !handle(reader)) return;
    }
  }

 private:
  bool handle(protocol::Reader& reader) {
    switch (header_.request_api_key) {
      case protocol::ApiVersionsRequest::api_key: return api_versions();
      case protocol::VoteRequest::api_key: return with<protocol::VoteRequest, protocol::VoteResponse, VoteResponse>(reader);
      case protocol::BeginQuorumEpochRequest::api_key:
        return with<protocol::BeginQuorumEpochRequest, protocol::BeginQuorumEpochResponse, BeginQuorumEpochResponse>(reader);
      case protocol::EndQuorumEpochRequest::api_key:
        return with<protocol::EndQuorumEpochRequest, protocol::EndQuorumEpochResponse, EndQuorumEpochResponse>(reader);
      case protocol::UpdateRaftVoterRequest::api_key:
        return with<protocol::UpdateRaftVoterRequest, protocol::UpdateRaftVoterResponse, UpdateVoterResponse>(reader);
      case protocol::FetchRequest::api_key: return fetch(reader);
      case protocol::FetchSnapshotRequest::api_key: return fetch_snapshot(reader);
      default: return false;
    }
  }

  template <class Response>
  bool send(const Response& response, std::int16_t version, bool flexible_header) {
    ByteBuffer out;
    {
      protocol::Writer writer{out};
      writer.integer(std::int32_t{0});
      writer.integer(header_.correlation_id);
      if (flexible_header) writer.unsigned_varint(0);
      if (!encode(writer, version, response)) return false;
    }
    store_be(out.data(), static_cast<std::int32_t>(out.size() - 4));
    return runtime::write_all(*io_, out).has_value();
  }
  template <class Response>
  bool send(const Response& response) {
    return send(response, version(), version() >= Response::flexible_min);
  }
  [[nodiscard]] std::int16_t version() const { return header_.request_api_version; }
  [[nodiscard]] WireContext context() const {
    return {.cluster_id = test_cluster_id,
            .version = version(),
            .local = quorum_.core().config().local.id,
            .listener = "CONTROLLER"};
  }

  bool api_versions() {
    protocol::ApiVersionsResponse response;
    for (const auto& [key, low, high] :
         {std::tuple{18, 0, 4}, {1, 4, 18}, {52, 0, 2}, {53, 0, 1}, {54, 0, 1}, {59, 0, 1}, {82, 0, 0}}) {
      response.api_keys.push_back({.api_key_ = static_cast<std::int16_t>(key),
                                   .min_version = static_cast<std::int16_t>(low),
                                   .max_version = static_cast<std::int16_t>(high)});
    }
    return send(response, version(), false);
  }

  template <class Message, class Response, class Answer>
  bool with(protocol::Reader& reader) {
    Message message;
    if (!decode(reader, version(), message)) return false;
    const auto request = read(message, context());
    if (!request) return send(refusal<Response>(request.error()));
    const auto answer = quorum_.ask(*request);
    return answer && send(write(std::get<Answer>(answer->body), context()));
  }

  bool fetch(protocol::Reader& reader) {
    protocol::FetchRequest message;
    if (!decode(reader, version(), message)) return false;
    const auto request = read(message, context());
    if (!request) return send(refusal<protocol::FetchResponse>(request.error()));
    const auto answer = quorum_.ask(*request, bytes_wanted(message));
    if (!answer) return false;
    auto response = write(std::get<FetchResponse>(answer->body), context(), 0);
    const auto records = bytes_of(answer->bytes);
    if (!records) return false;
    response.responses.at(0).partitions.at(0).records = protocol::Records::of(*records);
    return send(response);
  }

  bool fetch_snapshot(protocol::Reader& reader) {
    protocol::FetchSnapshotRequest message;
    if (!decode(reader, version(), message)) return false;
    const auto request = read(message, context());
    if (!request) return send(refusal<protocol::FetchSnapshotResponse>(request.error()));
    const auto answer = quorum_.ask(*request, bytes_wanted(message));
    if (!answer) return false;
    auto response = write(std::get<FetchSnapshotResponse>(answer->body), context(), 0);
    const auto piece = bytes_of(answer->bytes);
    if (!piece) return false;
    response.topics.at(0).partitions.at(0).unaligned_records = protocol::Records::of(*piece);
    return send(response);
  }

  // Nothing if the log was cut in the meantime.
  static std::optional<ByteBuffer> bytes_of(const log::FileRange& range) {
    ByteBuffer bytes(range.bytes);
    if (range.bytes == 0) return bytes;
    const auto got = runtime::pread_full(*range.file, bytes, range.position);
    if (!got || *got != bytes.size()) return std::nullopt;
    return bytes;
  }

  QuorumNode& quorum_;
  std::unique_ptr<runtime::Connection> io_;
  protocol::RequestHeader header_;
};

ByteBuffer batch_of(const std::vector<std::string>& names) {
  protocol::RecordBatchBuilder builder;
  builder.start({});
  for (const std::string& name : names) {
    ByteBuffer value;
    {
      protocol::Writer writer{value};
      const auto encoded =
          protocol::encode_metadata_record(writer, 0, protocol::FeatureLevelRecord{.name = name, .feature_level = 1});
      EXPECT_TRUE(encoded.has_value());
    }
    builder.append(1000, std::nullopt, ByteView{value});
  }
  (void)builder.finish();
  return builder.take();
}

}  // namespace

void serve_quorum(runtime::World& world, QuorumNode& quorum, std::uint16_t at_port) {
  auto listener = world.listen({.host = "", .port = at_port});
  while (listener) {
    auto accepted = (*listener)->accept();
    if (!accepted) return;
    world.spawn("quorum session", [&quorum, io = std::move(*accepted)]() mutable { Session{quorum, std::move(io)}.serve(); });
  }
}

QuorumCluster::QuorumCluster(std::uint64_t seed, std::size_t nodes) : simulation{sim::SimulationOptions{.seed = seed}} {
  std::vector<Voter> all;
  for (std::size_t index = 0; index < nodes; ++index) {
    const std::string name = "node" + std::to_string(index);
    all.push_back({.key = {.id = NodeId{static_cast<std::int32_t>(index)}},
                   .endpoints = {{.name = "CONTROLLER", .host = name, .port = port}},
                   .kraft_versions = {.min = 0, .max = 1}});
    members.push_back({.node = &simulation.add_node({.name = name})});
  }
  voters = VoterSet{std::move(all)};
  simulation.on_event([this](const sim::ProductEvent& event) {
    if (event.name != runtime::EventName::quorum_role_changed || event.text("role") != "leader") return;
    const auto epoch = static_cast<std::int32_t>(event.number("epoch").value_or(-1));
    const auto [known, first] = leaders.try_emplace(epoch, event.node);
    if (!first && known->second != event.node) wrongs.push_back(fmt::format("two leaders of epoch {}", epoch));
  });
}

void QuorumCluster::start(std::size_t index) {
  members[index].node->start("quorum", [this, index](runtime::World& world) { run_node(world, index); });
}

void QuorumCluster::start_all() {
  for (std::size_t index = 0; index < members.size(); ++index) start(index);
}

void QuorumCluster::restart_all() {
  for (Member& member : members) {
    if (member.node->state() != sim::NodeState::running) {
      member.node->restart();
    } else if (member.node->paused()) {
      member.node->resume();
    }
  }
}

void QuorumCluster::run_node(runtime::World& world, std::size_t index) {
  Member& member = members[index];
  log::LogManagerOptions disk;
  disk.log_dirs = {"/m"};
  disk.cluster_id = test_cluster_id;
  disk.node_id = NodeId{static_cast<std::int32_t>(index)};
  disk.config_of = [this](std::string_view) { return metadata_log_config(segment_bytes); };
  disk.on_dir_failed = [](const std::string&) {};
  log::LogManager manager{world, std::move(disk)};
  const auto refuse = [&](std::string why) { member.failure = std::move(why); };
  if (const auto opened = manager.open(); !opened) return refuse(opened.error().reason);
  manager.start();
  const auto partition = manager.create_log({std::string{metadata_topic_name}, PartitionIndex{0}}, metadata_topic_id);
  if (!partition) return refuse("no metadata log");
  auto log = MetadataLog::open(world, *partition, {.dir = "/m/__cluster_metadata-0", .static_voters = voters});
  if (!log) return refuse(log.error());
  QuorumNodeOptions options;
  options.quorum.local = {.id = NodeId{static_cast<std::int32_t>(index)}, .directory = Uuid{7, index}};
  options.quorum.endpoints = voters.find(options.quorum.local.id)->endpoints;
  options.cluster_id = test_cluster_id;
  options.listener = "CONTROLLER";
  options.on_failure = refuse;
  if (adjust) adjust(options);
  QuorumNode quorum{world, **log, std::move(options)};
  struct Published {
    Member& member;
    ~Published() { member.quorum = nullptr; }
  };
  member.failure.reset();
  member.read = Offset{0};
  member.quorum = &quorum;
  const Published published{member};
  bool asked_to_stop = false;
  const runtime::FiberId main = world.current_fiber();
  member.node->set_stop_handler([&world, &asked_to_stop, main] {
    asked_to_stop = true;
    world.unpark(main);
  });
  quorum.start();
  world.spawn("serve", [&world, &quorum] { serve_quorum(world, quorum, port); });
  world.spawn("follow", [this, &world, &quorum, index] { follow(world, quorum, index); });
  world.spawn("propose", [this, &world, &quorum] { propose(world, quorum); });
  while (!asked_to_stop) world.park();
  quorum.stop(2s);
  world.sleep_until(end_of_time);  // the test ends it: the other fibers use what is here
}

void QuorumCluster::follow(runtime::World&, QuorumNode& quorum, std::size_t index) {
  Member& member = members[index];
  for (;;) {
    const std::uint64_t seen = quorum.changes(QuorumNode::Change::any);
    // A snapshot stands for what is not in the log.
    if (member.read < quorum.log().log_start()) member.read = quorum.log().log_start();
    while (member.read < quorum.committed()) {
      const auto batches = quorum.log().read_records(member.read, quorum.committed(), 1 << 20);
      if (quorum.failed()) return;
      if (!batches || batches->empty()) {
        wrongs.push_back(fmt::format("node {} cannot read what is committed at {}", index, member.read));
        return;
      }
      for (const CommittedBatch& batch : *batches) note(batch, index);
      member.read = batches->back().end;
    }
    (void)quorum.wait_for(QuorumNode::Change::any, seen);
  }
}

Offset QuorumCluster::end_of_committed() const { return committed.empty() ? Offset{0} : committed.rbegin()->second.end; }

void QuorumCluster::note(const CommittedBatch& batch, std::size_t index) {
  Batch read{.end = batch.end, .epoch = batch.epoch, .names = {}};
  for (const auto& record : batch.records) read.names.push_back(std::get<protocol::FeatureLevelRecord>(record).name);
  const Offset end = end_of_committed();
  const auto [known, first] = committed.try_emplace(batch.base, read);
  if (first ? batch.base != end : known->second != read) {
    wrongs.push_back(fmt::format("node {} has another committed batch at {} than others", index, batch.base));
  }
}

void QuorumCluster::propose(runtime::World& world, QuorumNode& quorum) {
  struct Open {
    LeaderEpoch epoch;
    Offset base;
    std::vector<std::string> names;
  };
  Random random = world.fork_random("proposals");
  std::vector<Open> open;
  for (;;) {
    runtime::sleep_for(world, random.between(Duration{1ms}, Duration{40ms}));
    const Quorum& core = quorum.core();
    std::erase_if(open, [&](const Open& one) {
      if (!core.is_leader() || core.epoch() != one.epoch) return true;  // its fate is not known
      const auto count = static_cast<std::int64_t>(one.names.size());
      if (core.high_watermark() < one.base + count) return false;
      for (std::int64_t i = 0; i < count; ++i) promised.emplace_back(one.base + i, one.names[static_cast<std::size_t>(i)]);
      return true;
    });
    const auto leader = quorum.leader();
    if (!proposing || !leader || !leader->self) continue;
    std::vector<std::string> names;
    for (std::uint64_t count = 1 + random.below(3); count > 0; --count) names.push_back("r" + std::to_string(++proposals));
    const auto base = quorum.propose(leader->epoch, batch_of(names), static_cast<std::int32_t>(names.size()));
    if (base) open.push_back({leader->epoch, *base, std::move(names)});
  }
}

std::size_t QuorumCluster::leader() const {
  std::size_t best = no_leader;
  for (std::size_t index = 0; index < members.size(); ++index) {
    const QuorumNode* quorum = members[index].quorum;
    if (quorum == nullptr || members[index].node->state() != sim::NodeState::running) continue;
    if (!quorum->leader() || !quorum->leader()->self) continue;
    if (best == no_leader || quorum->core().epoch() > members[best].quorum->core().epoch()) best = index;
  }
  return best;
}

void QuorumCluster::run_until(const std::function<bool()>& holds, const char* what, Duration limit) {
  const Instant end = simulation.now() + limit;
  (void)simulation.run_while([&] { return !holds(); }, end);
  EXPECT_TRUE(holds()) << what << " does not come about";
}

void QuorumCluster::run_until_led() {
  run_until([&] { return leader() != no_leader; }, "a leader");
}

void QuorumCluster::expect_recovery() {
  const std::size_t before = promised.size();
  run_until([&] { return promised.size() > before + 20; }, "that records are committed again");
  proposing = false;
  run_for(5s);
  for (const Member& member : members) {
    ASSERT_NE(member.quorum, nullptr) << member.failure.value_or("");
    EXPECT_EQ(member.failure, std::nullopt);
    EXPECT_EQ(member.read, end_of_committed()) << member.node->name();
    EXPECT_EQ(member.quorum->committed(), member.quorum->core().log().end()) << member.node->name();
  }
  proposing = true;
}

void QuorumCluster::expect_promises_kept() const {
  EXPECT_TRUE(wrongs.empty()) << wrongs.size() << " wrongs, the first: " << wrongs.front();
  for (const auto& [offset, name] : promised) {
    auto batch = committed.upper_bound(offset);
    ASSERT_NE(batch, committed.begin()) << name;
    --batch;
    const auto place = static_cast<std::size_t>(offset - batch->first);
    ASSERT_LT(place, batch->second.names.size()) << name << " is lost";
    ASSERT_EQ(batch->second.names[place], name) << "at offset " << offset.value();
  }
}

}  // namespace squall::raft
