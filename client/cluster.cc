#include "client/cluster.h"

#include <algorithm>

#include "base/assert.h"
#include "protocol/error_code.h"
#include "runtime/deadline.h"

namespace squall::client {

using protocol::ErrorCode;

namespace {

[[nodiscard]] Error closed_error() { return {.failure = Failure::closed}; }

}  // namespace

Cluster::Cluster(runtime::World& world, ClusterOptions options)
    : world_{world},
      options_{std::move(options)},
      random_{world.fork_random("client/cluster")},
      changed_{world},
      bootstrap_links_(options_.bootstrap.size()) {
  SQUALL_ASSERT(!options_.bootstrap.empty(), "a client knows at least one server");
}

Cluster::~Cluster() { close(); }

void Cluster::close() {
  closed_ = true;
  for (auto& [node, link] : links_) {
    if (link.connection != nullptr) link.connection->close();
  }
  for (Link& link : bootstrap_links_) {
    if (link.connection != nullptr) link.connection->close();
  }
  changed_.notify_all();
}

// ---- what is known ----

const TopicInfo* Cluster::find_topic(std::string_view name) const {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : &found->second;
}

const TopicInfo* Cluster::find_topic(const Uuid& id) const {
  const auto found = std::ranges::find_if(topics_, [&id](const auto& entry) { return entry.second.id == id; });
  return found == topics_.end() ? nullptr : &found->second;
}

const PartitionInfo* Cluster::find_partition(std::string_view topic, PartitionIndex partition) const {
  const TopicInfo* const known = find_topic(topic);
  if (known == nullptr || partition.value() < 0) return nullptr;
  const auto index = static_cast<std::size_t>(partition.value());
  return index < known->partitions.size() ? &known->partitions[index] : nullptr;
}

// ---- getting to know ----

bool Cluster::wait_before_retry(std::uint32_t attempts, Instant deadline) {
  const Instant until = runtime::deadline_in(world_, options_.retry.after(attempts, random_));
  if (until >= deadline || closed_) return false;
  while (!closed_ && changed_.wait_until(until) == runtime::Wake::unparked && world_.now() < until) {
  }
  return !closed_;
}

Result<const TopicInfo*> Cluster::topic(std::string_view name, Instant deadline) {
  const auto wanted = wanted_.try_emplace(std::string{name}, ErrorCode::none).first;
  for (std::uint32_t attempts = 1;; ++attempts) {
    if (const TopicInfo* known = find_topic(name)) return known;
    Error last = closed_error();
    if (const auto refreshed = refresh(deadline); !refreshed) {
      last = refreshed.error();
    } else if (const TopicInfo* known = find_topic(name)) {
      return known;
    } else {
      // An answer to a fetch that had begun before this topic was asked for says nothing of it.
      last =
          wanted->second == ErrorCode::none ? Error{.failure = Failure::timed_out} : refused_with(wanted->second, "Metadata");
    }
    if (!is_retriable(last) || !wait_before_retry(attempts, deadline)) return std::unexpected{last};
  }
}

Result<const PartitionInfo*> Cluster::led_partition(std::string_view topic_name, PartitionIndex partition, Instant deadline) {
  for (std::uint32_t attempts = 1;; ++attempts) {
    if (auto known = topic(topic_name, deadline); !known) return std::unexpected{known.error()};
    const PartitionInfo* const info = find_partition(topic_name, partition);
    if (info != nullptr && info->leader != no_node && nodes_.contains(info->leader)) return info;
    if (info == nullptr && attempts > 1) {
      return std::unexpected{Error{.failure = Failure::invalid, .detail = "the topic has no such partition"}};
    }
    invalidate();
    if (!wait_before_retry(attempts, deadline)) return std::unexpected{refused_with(ErrorCode::leader_not_available)};
    (void)refresh(deadline);
  }
}

void Cluster::invalidate() {
  if (stale_) return;
  stale_ = true;
  ++invalidations_;
  refresh_not_before_ = runtime::later(fetched_at_, options_.retry.after(invalidations_, random_));
}

Instant Cluster::next_refresh() const {
  if (!known_) return Instant{};
  return stale_ ? refresh_not_before_ : runtime::later(fetched_at_, options_.metadata_max_age);
}

Result<void> Cluster::refresh_if_needed(Instant deadline) {
  const Instant due = next_refresh();
  if (due >= deadline) return {};
  while (world_.now() < due && !closed_) (void)changed_.wait_until(due);
  return refresh(deadline);
}

Result<void> Cluster::refresh(Instant deadline) {
  if (fetching_) {
    const std::uint64_t before = version_;
    if (!changed_.wait_until(deadline, [this] { return !fetching_ || closed_; })) {
      return std::unexpected{Error{.failure = Failure::timed_out, .detail = "metadata"}};
    }
    if (closed_) return std::unexpected{closed_error()};
    if (version_ != before) return {};
    return std::unexpected{Error{.failure = Failure::disconnected, .detail = "metadata"}};
  }
  fetching_ = true;
  struct Ended {
    Cluster& cluster;
    ~Ended() {
      cluster.fetching_ = false;
      cluster.changed_.notify_all();
    }
  } const ended{*this};
  return fetch_metadata(deadline);
}

Result<void> Cluster::fetch_metadata(Instant deadline) {
  const auto connection = any_connection(deadline);
  if (!connection) return std::unexpected{connection.error()};
  protocol::MetadataRequest request;
  request.allow_auto_topic_creation = options_.create_topics;
  auto& topics = request.topics.emplace();
  for (const auto& [name, code] : wanted_) topics.emplace_back().name = name;
  const auto response = (*connection)->call(request, deadline);
  if (closed_) return std::unexpected{closed_error()};
  if (!response) return std::unexpected{response.error()};
  take_over(*response);
  return {};
}

void Cluster::take_over(const protocol::MetadataResponse& response) {
  take_over_nodes(response);
  bool better = !known_;
  bool complete = true;
  for (const auto& topic : response.topics) {
    if (!topic.name) continue;
    const auto code = static_cast<ErrorCode>(topic.error_code);
    if (const auto wanted = wanted_.find(*topic.name); wanted != wanted_.end()) wanted->second = code;
    if (code == ErrorCode::none) {
      better |= take_over_topic(topic);
      complete &= std::ranges::none_of(topic.partitions, [](const auto& partition) { return partition.leader_id < 0; });
    } else if (code == ErrorCode::unknown_topic_or_partition) {
      better |= topics_.erase(*topic.name) > 0;
    }
  }
  known_ = true;
  stale_ = false;
  fetched_at_ = world_.now();
  ++version_;
  if (better) invalidations_ = 0;
  if (!complete) invalidate();
}

void Cluster::take_over_nodes(const protocol::MetadataResponse& response) {
  if (response.brokers.empty()) return;  // a broker that does not know the cluster yet
  std::map<NodeId, NodeInfo> nodes;
  for (const auto& broker : response.brokers) {
    const NodeId id{broker.node_id};
    NodeInfo info{.id = id,
                  .endpoint = {.host = broker.host, .port = static_cast<std::uint16_t>(broker.port)},
                  .rack = broker.rack.value_or("")};
    Link& link = links_[id];
    if (link.connection != nullptr && link.connection->endpoint() != info.endpoint) link.connection->close();
    for (std::size_t index = 0; index < bootstrap_links_.size() && !link.up() && !link.opening; ++index) {
      if (options_.bootstrap[index] == info.endpoint && bootstrap_links_[index].up()) {
        link.connection = std::move(bootstrap_links_[index].connection);
        bootstrap_links_[index].connection = nullptr;
      }
    }
    nodes.emplace(id, std::move(info));
  }
  for (auto& [id, link] : links_) {
    if (!nodes.contains(id) && link.connection != nullptr) link.connection->close();
  }
  nodes_ = std::move(nodes);
  controller_ = NodeId{response.controller_id};
  cluster_id_ = response.cluster_id.value_or("");
}

bool Cluster::take_over_topic(const protocol::MetadataResponse::MetadataResponseTopic& from) {
  TopicInfo& topic = topics_[*from.name];
  const bool same_topic = topic.name == *from.name && topic.id == from.topic_id;
  bool changed = !same_topic;
  topic.name = *from.name;
  topic.id = from.topic_id;
  topic.internal = from.is_internal;
  if (!same_topic) topic.partitions.clear();
  if (topic.partitions.size() < from.partitions.size()) changed = true;
  if (topic.partitions.size() < from.partitions.size()) topic.partitions.reserve(from.partitions.size());
  for (const auto& partition : from.partitions) {
    if (partition.partition_index < 0 || static_cast<std::size_t>(partition.partition_index) >= from.partitions.size())
      continue;
    const auto index = static_cast<std::size_t>(partition.partition_index);
    if (topic.partitions.size() <= index) topic.partitions.resize(index + 1);
    PartitionInfo& known = topic.partitions[index];
    known.index = PartitionIndex{partition.partition_index};
    const LeaderEpoch epoch{partition.leader_epoch};
    if (epoch != no_epoch && epoch < known.leader_epoch) continue;  // an answer from a node that is behind (KIP-320)
    const NodeId leader{partition.leader_id};
    changed |= known.leader != leader || known.leader_epoch != epoch;
    known.leader = leader;
    known.leader_epoch = epoch;
    known.replicas.clear();
    known.in_sync_replicas.clear();
    known.replicas.reserve(partition.replica_nodes.size());
    known.in_sync_replicas.reserve(partition.isr_nodes.size());
    for (const std::int32_t node : partition.replica_nodes) known.replicas.emplace_back(node);
    for (const std::int32_t node : partition.isr_nodes) known.in_sync_replicas.emplace_back(node);
  }
  return changed;
}

bool Cluster::learn_leader(std::string_view topic, PartitionIndex partition, NodeId leader, LeaderEpoch epoch) {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || find_partition(topic, partition) == nullptr || !nodes_.contains(leader)) return false;
  PartitionInfo& known = found->second.partitions[static_cast<std::size_t>(partition.value())];
  if (epoch <= known.leader_epoch) return false;
  known.leader = leader;
  known.leader_epoch = epoch;
  ++version_;
  changed_.notify_all();
  return true;
}

// ---- connections ----

Result<std::shared_ptr<Connection>> Cluster::open_link(Link& link, runtime::Endpoint endpoint, Instant deadline) {
  link.opening = true;
  struct Opened {
    Cluster& cluster;
    Link& its_link;
    ~Opened() {
      its_link.opening = false;
      cluster.changed_.notify_all();
    }
  } const opened{*this, link};
  // Counted before it is known how it ends: a connection that breaks at once is not made again at once either.
  ++link.failures;
  link.not_before = runtime::deadline_in(world_, options_.reconnect.after(link.failures, random_));
  auto connection = Connection::open(world_, endpoint, options_.connection, deadline);
  if (!connection) {
    link.not_before = runtime::deadline_in(world_, options_.reconnect.after(link.failures, random_));
    return connection;
  }
  link.failures = 0;
  if (closed_) {
    (*connection)->close();
    return std::unexpected{closed_error()};
  }
  link.connection = *connection;
  return connection;
}

Result<std::shared_ptr<Connection>> Cluster::connection_to(NodeId node, Instant deadline) {
  for (;;) {
    if (closed_) return std::unexpected{closed_error()};
    Link& link = links_[node];
    if (link.up()) return link.connection;
    const auto info = nodes_.find(node);
    if (info == nodes_.end()) {
      return std::unexpected{Error{.failure = Failure::disconnected, .detail = "a node that the cluster does not have"}};
    }
    if (link.opening) {
      if (changed_.wait_until(deadline) == runtime::Wake::deadline) {
        return std::unexpected{Error{.failure = Failure::timed_out, .detail = "no connection before the deadline"}};
      }
    } else if (world_.now() >= link.not_before) {
      return open_link(link, info->second.endpoint, deadline);
    } else if (link.not_before >= deadline) {
      return std::unexpected{Error{.failure = Failure::disconnected, .detail = "the node's back-off has not passed"}};
    } else {
      (void)changed_.wait_until(link.not_before);
    }
  }
}

Cluster::Link* Cluster::connected_link() {
  for (const auto& [id, info] : nodes_) {
    if (Link& link = links_[id]; link.up()) return &link;
  }
  const auto up = std::ranges::find_if(bootstrap_links_, [](const Link& link) { return link.up(); });
  return up == bootstrap_links_.end() ? nullptr : &*up;
}

// Known nodes, then bootstrap servers, each from a place drawn at random.
std::vector<std::pair<Cluster::Link*, runtime::Endpoint>> Cluster::candidates() {
  std::vector<std::pair<Link*, runtime::Endpoint>> found;
  for (const auto& [id, info] : nodes_) found.emplace_back(&links_[id], info.endpoint);
  if (found.size() > 1) std::ranges::rotate(found, found.begin() + static_cast<std::ptrdiff_t>(random_.below(found.size())));
  const std::size_t servers = bootstrap_links_.size();
  const std::size_t first = servers > 1 ? static_cast<std::size_t>(random_.below(servers)) : 0;
  for (std::size_t count = 0; count < servers; ++count) {
    const std::size_t index = (first + count) % servers;
    found.emplace_back(&bootstrap_links_[index], options_.bootstrap[index]);
  }
  return found;
}

Result<std::shared_ptr<Connection>> Cluster::any_connection(Instant deadline) {
  for (;;) {
    if (closed_) return std::unexpected{closed_error()};
    if (Link* const link = connected_link()) return link->connection;
    Instant soonest = end_of_time;
    bool opening = false;
    for (const auto& [link, endpoint] : candidates()) {
      if (link->up()) return link->connection;
      if (link->opening) {
        opening = true;
        continue;
      }
      if (world_.now() >= link->not_before) {
        // A server that does not answer must not use up the time of the others.
        if (auto connection = open_link(*link, endpoint, deadline)) return connection;
        if (closed_) return std::unexpected{closed_error()};
      }
      soonest = std::min(soonest, link->not_before);
    }
    if (world_.now() >= deadline || (!opening && soonest >= deadline)) {
      return std::unexpected{Error{.failure = Failure::disconnected, .detail = "no server can be reached"}};
    }
    (void)changed_.wait_until(std::min(soonest, deadline));
  }
}

Result<std::shared_ptr<Connection>> Cluster::controller_connection(Instant deadline) {
  if (nodes_.contains(controller_)) return connection_to(controller_, deadline);
  return any_connection(deadline);
}

}  // namespace squall::client
