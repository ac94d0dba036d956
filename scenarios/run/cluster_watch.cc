#include "scenarios/run/cluster_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "broker/broker.h"
#include "log/topic_partition.h"
#include "raft/metadata/metadata_image.h"
#include "raft/metadata/metadata_topic.h"
#include "scenarios/run/cluster.h"
#include "scenarios/run/replica_files.h"

namespace squall::scenarios {
namespace {

using runtime::EventName;
using Image = std::shared_ptr<const raft::MetadataImage>;

std::int64_t number(const sim::ProductEvent& event, std::string_view key) { return event.number(key).value_or(-1); }
Offset offset(const sim::ProductEvent& event, std::string_view key) { return Offset{number(event, key)}; }
LeaderEpoch epoch(const sim::ProductEvent& event) { return LeaderEpoch{static_cast<std::int32_t>(number(event, "epoch"))}; }
NodeId leader(const sim::ProductEvent& event) { return NodeId{static_cast<std::int32_t>(number(event, "leader"))}; }

Image image_of(const ServerNode& server) {
  const bool lives = server.broker != nullptr && server.node->state() == sim::NodeState::running;
  return lives ? server.broker->image() : nullptr;
}

class ImageView final : public MetadataDurable::NodeView {
 public:
  explicit ImageView(const raft::MetadataImage& image) : image_{image} {}
  [[nodiscard]] std::optional<std::int32_t> partitions(const std::string& topic) const override {
    const auto found = image_.find(topic);
    return found == nullptr ? std::nullopt : std::optional{static_cast<std::int32_t>(found->partitions.size())};
  }
  [[nodiscard]] std::optional<std::string> config(const std::string& topic, const std::string& key) const override {
    const raft::ConfigValues& values = image_.config_of(raft::ConfigResource::topic, topic);
    const auto found = values.find(key);
    return found == values.end() ? std::nullopt : std::optional{found->second};
  }

 private:
  const raft::MetadataImage& image_;
};

}  // namespace

const ServerNode* ClusterWatch::server(const sim::ProductEvent& event) const {
  // Servers are the first nodes of the simulation.
  return event.node < run_.servers.size() ? &run_.servers[event.node] : nullptr;
}

void ClusterWatch::event(const sim::ProductEvent& event) {
  const ServerNode* from = server(event);
  if (from == nullptr) return;
  if (incarnations_.size() < run_.servers.size()) incarnations_.resize(run_.servers.size());
  if (std::exchange(incarnations_[event.node], from->node->incarnation()) != from->node->incarnation()) {
    checks_.high_watermarks->started(event.node);
  }
  switch (event.name) {
    case EventName::high_watermark_moved:
      return checks_.high_watermarks->moved(event.node, event.node_name, event.text("partition").value_or(""),
                                            offset(event, "offset"), event.at);
    case EventName::log_removed: return checks_.high_watermarks->removed(event.node, event.text("partition").value_or(""));
    case EventName::log_truncated: return log_truncated(event);
    case EventName::leader_elected:
      if (metadata_destroyed()) return;
      return checks_.one_leader->partition_leader(event.text("partition").value_or(""), event.text("topic_id").value_or(""),
                                                  epoch(event), leader(event), event.at);
    case EventName::quorum_role_changed: return role_changed(event);
    case EventName::metadata_replayed: return metadata_replayed(event);
    case EventName::metadata_loaded:
      if (metadata_destroyed()) return;
      checks_.never_truncated->replayed(event.node_name, offset(event, "offset"));
      return checks_.log_matching->loaded(event.node_name, offset(event, "offset"), epoch(event), event.at);
    default: return;
  }
}

void ClusterWatch::role_changed(const sim::ProductEvent& event) {
  if (metadata_destroyed()) return;
  checks_.one_leader->quorum_leader(event.node_name, epoch(event), leader(event), event.at);
  const broker::Broker* broker = server(event)->broker;
  if (event.text("role") != "leader" || broker == nullptr) return;
  const auto standing = broker->standing();
  if (!standing) return;
  note_high_watermarks();
  checks_.completeness->elected(
      event.node_name, epoch(event), standing->log_end,
      [broker](Offset before) { return broker->metadata_epoch_before(before); }, event.at);
}

void ClusterWatch::metadata_replayed(const sim::ProductEvent& event) {
  if (metadata_destroyed()) return;
  const CommittedBatchSeen batch{.base = offset(event, "base"),
                                 .end = offset(event, "end"),
                                 .epoch = epoch(event),
                                 .crc = static_cast<std::uint32_t>(number(event, "crc"))};
  checks_.log_matching->replayed(event.node_name, batch, event.at);
  checks_.never_truncated->replayed(event.node_name, batch.end);
  checks_.completeness->replayed(batch.end, batch.epoch);
}

void ClusterWatch::log_truncated(const sim::ProductEvent& event) {
  const std::string_view name = event.text("partition").value_or("");
  Truncation cut{.end = offset(event, "offset"),
                 .high_watermark = offset(event, "high_watermark"),
                 .log_start = offset(event, "log_start")};
  if (name == raft::metadata_log_name) {
    if (metadata_destroyed()) return;
    checks_.never_truncated->truncated(event.node_name, cut.end, event.at);
  } else if (const auto partition = log::parse_directory_name(name)) {
    const PartitionHistory* history = run_.checks.history().find(partition->topic, partition->partition.value());
    if (history != nullptr) cut.excused_from = history->excused_from();
  }
  checks_.high_watermarks->truncated(event.node, event.node_name, name, cut, event.at);
}

void ClusterWatch::note_high_watermarks() {
  for (const ServerNode& server : run_.servers) {
    if (server.broker == nullptr || server.node->state() != sim::NodeState::running) continue;
    if (const auto standing = server.broker->standing()) checks_.completeness->high_watermark(standing->high_watermark);
  }
}

void ClusterWatch::sample() {
  if (metadata_destroyed()) return;
  note_high_watermarks();
  if (!healed_) return;
  Image newest;
  for (const ServerNode& server : run_.servers) {
    const Image image = image_of(server);
    if (image != nullptr && (newest == nullptr || image->end_offset > newest->end_offset)) newest = image;
  }
  const bool before = checks_.recovers->recovered();
  checks_.recovers->look(newest, run_.now());
  if (!before && checks_.recovers->recovered()) {
    run_.timeline.add(run_.now(), EntryKind::phase, "every partition has had its full ISR since the heal");
  }
  if (run_.now() < recover_by_ || checks_.recovers->recovered() || std::exchange(told_, true)) return;
  checks_.recovers->out_of_time(run_.now());
}

void ClusterWatch::healed() {
  std::vector<NodeId> brokers;
  for (const ServerNode& server : run_.servers) {
    if (server.plan->is_broker) brokers.push_back(server.plan->id);
  }
  const std::set<NodeId>& damaged = run_.atlas.damaged_servers();
  checks_.recovers->healed(std::move(brokers), {damaged.begin(), damaged.end()}, run_.now());
  healed_ = true;
  Duration lag{};
  Duration session{};
  Duration grace{};
  Duration quorum{};
  if (const auto configs = configure_servers(run_.scenario, run_.plan)) {
    for (const broker::BrokerConfig& config : *configs) {
      lag = std::max(lag, config.milliseconds("replica.lag.time.max.ms"));
      session = std::max(session, config.milliseconds("broker.session.timeout.ms"));
      grace = std::max(grace, config.milliseconds("squall.shutdown.grace.ms"));
      quorum = std::max(quorum, config.milliseconds("controller.quorum.fetch.timeout.ms") +
                                    config.milliseconds("controller.quorum.election.timeout.ms"));
    }
  }
  const auto& bound = run_.scenario.expect.full_isr_after_heal;
  recover_by_ = run_.now() + (bound ? Duration{bound->least()} : lag + session);
  // Who is stopped now because of a failed directory may be the active controller: the next one gives all brokers a session
  // anew.
  const bool stops_one = std::ranges::any_of(run_.servers, [](const ServerNode& server) { return server.dir_failed; });
  if (stops_one) recover_by_ += grace + session;
  // A controller that nobody follows has stepped down by then.
  checks_.linearizable->judge_refusals(run_.now() + 2 * quorum);
}

bool ClusterWatch::recovered() const { return metadata_destroyed() || checks_.recovers->recovered(); }

bool ClusterWatch::settled() const {
  if (metadata_destroyed()) return true;
  Offset end = no_offset;
  for (const ServerNode& server : run_.servers) {
    const Image image = image_of(server);
    if (image == nullptr || (end != no_offset && image->end_offset != end)) return false;
    end = image->end_offset;
  }
  return true;
}

void ClusterWatch::compare() {
  if (!settled()) {
    Offset newest = no_offset;
    for (const ServerNode& server : run_.servers) {
      if (const Image image = image_of(server)) newest = std::max(newest, image->end_offset);
    }
    for (const ServerNode& server : run_.servers) {
      const Image image = image_of(server);
      const Offset end = image == nullptr ? no_offset : image->end_offset;
      if (end < newest) checks_.recovers->lags(server.node->name(), end, newest, run_.now());
    }
    return;
  }
  if (!metadata_destroyed()) compare_metadata();
  compare_replicas();
}

void ClusterWatch::compare_metadata() {
  std::vector<NodeImage> images;
  std::vector<ReplicaContent> logs;
  for (const ServerNode& server : run_.servers) {
    images.push_back({server.node->name(), image_of(server)});
    run_.checks.metadata().replayed(server.node->name(), ImageView{*images.back().image}, run_.now());
    const auto standing = server.broker->standing();
    if (!standing || run_.atlas.damaged_servers().contains(server.plan->id)) continue;
    logs.push_back({.node = server.node->name(),
                    .log_start = standing->log_start,
                    .high_watermark = standing->committed,
                    .batches = stored_batches(*server.node, server.broker->metadata_log_path())});
  }
  checks_.replayed_equally->compare(images, run_.now());
  checks_.log_matching->files(logs, run_.now());
}

void ClusterWatch::compare_replicas() {
  struct Found {
    const ServerNode* server;
    broker::Broker::ReplicaStanding standing;
  };
  std::map<std::pair<std::string, std::int32_t>, std::vector<Found>> partitions;
  for (const ServerNode& server : run_.servers) {
    if (server.broker == nullptr || run_.atlas.damaged_servers().contains(server.plan->id)) continue;
    for (auto& replica : server.broker->replicas()) {
      const std::pair name{replica.topic, replica.partition};
      partitions[name].push_back({&server, std::move(replica)});
    }
  }
  for (const auto& [name, replicas] : partitions) {
    if (replicas.size() < 2) continue;
    const std::string shown = fmt::format("{}/{}", name.first, name.second);
    std::vector<ReplicaContent> contents;
    for (const Found& one : replicas) {
      contents.push_back({.node = one.server->node->name(),
                          .log_start = one.standing.log_start,
                          .high_watermark = one.standing.high_watermark,
                          .batches = stored_batches(*one.server->node, one.standing.path)});
    }
    checks_.replicas_equal->compare(shown, contents, run_.now());
    const auto partition = run_.view->partition(name.first, name.second);
    const auto leads = std::ranges::find_if(replicas, [](const Found& one) { return one.standing.leads; });
    if (!partition || leads == replicas.end() || leads->server->plan->id != partition->leader) continue;
    for (const Found& one : replicas) {
      if (std::ranges::find(partition->in_sync, one.server->plan->id) == partition->in_sync.end()) continue;
      checks_.replicas_equal->in_sync(shown, one.server->node->name(), one.standing.log_end, leads->standing.high_watermark,
                                      run_.now());
    }
  }
}

}  // namespace squall::scenarios
