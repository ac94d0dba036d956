#include "client/fetch_session.h"

#include <algorithm>

namespace squall::client {

namespace {

constexpr std::int16_t sessions_from = 7;
constexpr std::int16_t topic_ids_from = 13;

void add_target(protocol::FetchRequest& request, const FetchTarget& target, std::int32_t partition_bytes_max,
                std::int16_t version) {
  const bool by_id = version >= topic_ids_from;
  const bool same_topic = !request.topics.empty() && (by_id ? request.topics.back().topic_id == target.topic_id
                                                            : request.topics.back().topic == target.partition->topic);
  if (!same_topic) {
    auto& topic = request.topics.emplace_back();
    if (by_id) {
      topic.topic_id = target.topic_id;
    } else {
      topic.topic = target.partition->topic;
    }
  }
  auto& partition = request.topics.back().partitions.emplace_back();
  partition.partition = target.partition->partition.value();
  partition.current_leader_epoch = target.leader_epoch.value();
  partition.fetch_offset = target.offset.value();
  partition.partition_max_bytes = partition_bytes_max;
}

void add_forgotten(protocol::FetchRequest& request, const TopicPartition& partition, const Uuid& topic_id,
                   std::int16_t version) {
  auto& topic = request.forgotten_topics_data.emplace_back();
  if (version >= topic_ids_from) {
    topic.topic_id = topic_id;
  } else {
    topic.topic = partition.topic;
  }
  topic.partitions.push_back(partition.partition.value());
}

}  // namespace

void FetchSession::build(std::span<const FetchTarget> targets, std::int32_t partition_bytes_max, std::int16_t version,
                         protocol::FetchRequest& request) {
  request.topics.clear();
  request.forgotten_topics_data.clear();
  const bool with_session = enabled_ && version >= sessions_from;
  // A topic that was made anew under its name cannot go on in the session.
  const bool renamed = std::ranges::any_of(targets, [this](const FetchTarget& target) {
    const auto known = sent_.find(*target.partition);
    return known != sent_.end() && known->second.topic_id != target.topic_id;
  });
  if (renamed) epoch_ = 0;
  if (!with_session || epoch_ == 0) {
    sent_.clear();
    request.session_id = with_session ? id_ : 0;
    request.session_epoch = with_session ? 0 : -1;
    for (const FetchTarget& target : targets) {
      add_target(request, target, partition_bytes_max, version);
      if (with_session) sent_[*target.partition] = {target.topic_id, target.offset, target.leader_epoch};
    }
    return;
  }
  request.session_id = id_;
  request.session_epoch = epoch_;
  auto known = sent_.begin();
  for (const FetchTarget& target : targets) {
    for (; known != sent_.end() && known->first < *target.partition; known = sent_.erase(known)) {
      add_forgotten(request, known->first, known->second.topic_id, version);
    }
    const Sent now{target.topic_id, target.offset, target.leader_epoch};
    const bool same = known != sent_.end() && known->first == *target.partition;
    if (!same || known->second != now) add_target(request, target, partition_bytes_max, version);
    known = same ? known : sent_.emplace_hint(known, *target.partition, now);
    known->second = now;
    ++known;
  }
  for (; known != sent_.end(); known = sent_.erase(known)) {
    add_forgotten(request, known->first, known->second.topic_id, version);
  }
}

void FetchSession::succeeded(std::int32_t session_id) {
  if (!enabled_) return;
  if (epoch_ == 0) {
    id_ = session_id;
    epoch_ = session_id == 0 ? 0 : 1;  // 0: the peer grants none
  } else {
    epoch_ = epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : epoch_ + 1;
  }
}

void FetchSession::failed(protocol::ErrorCode code) {
  if (code == protocol::ErrorCode::fetch_session_id_not_found) id_ = 0;
  epoch_ = 0;
}

}  // namespace squall::client
