// The consumer's fetchers, and its keeper of metadata.
#include <algorithm>

#include "client/consumer_core.h"
#include "protocol/error_code.h"
#include "runtime/deadline.h"

namespace squall::client {

using protocol::ErrorCode;

namespace {

constexpr std::int16_t topic_ids_from = 13;  // KIP-516

}  // namespace

void Consumer::Core::wake(const Partition& partition) {
  const auto found = fetchers_.find(partition.leader);
  if (found == fetchers_.end()) {
    keeper_work_.notify_all();
  } else {
    found->second->work.notify_all();
  }
}

Consumer::Core::Fetcher& Consumer::Core::fetcher_for(NodeId node) {
  auto& fetcher = fetchers_[node];
  if (fetcher == nullptr) {
    fetcher = std::make_unique<Fetcher>(world_, node, options_.fetch_sessions);
    fetcher->fiber = runtime::start_task(world_, "consumer fetcher", [this, raw = fetcher.get()] { run_fetcher(*raw); });
  }
  return *fetcher;
}

// Takes over leaders and their epochs, if metadata has come since the last time.
void Consumer::Core::follow_metadata() {
  if (metadata_seen_ == cluster_.version() || stopped_) return;
  metadata_seen_ = cluster_.version();
  for (auto& [node, fetcher] : fetchers_) fetcher->led.clear();
  for (auto& [name, partition] : partitions_) {
    const PartitionInfo* const info = cluster_.find_partition(name.topic, name.partition);
    partition->leader = info == nullptr ? no_node : info->leader;
    if (partition->leader == no_node) continue;
    if (info->leader_epoch != partition->leader_epoch) {
      partition->needs_validation |= partition->position_epoch != no_epoch && partition->leader_epoch != no_epoch;
      partition->leader_epoch = info->leader_epoch;
    }
    fetcher_for(partition->leader).led.push_back(partition);
  }
  for (auto& [node, fetcher] : fetchers_) fetcher->work.notify_all();
}

void Consumer::Core::run_keeper() {
  std::uint32_t failures = 0;
  while (!stopped_) {
    follow_metadata();
    const bool unknown = std::ranges::any_of(
        partitions_, [this](const auto& entry) { return cluster_.find_topic(entry.first.topic) == nullptr; });
    const Instant due = partitions_.empty() ? end_of_time : unknown ? Instant{} : cluster_.next_refresh();
    if (due > world_.now()) {
      (void)keeper_work_.wait_until(due);
      continue;
    }
    const Instant deadline = runtime::deadline_in(world_, options_.request_timeout);
    for (const auto& [name, partition] : std::map{partitions_}) {
      if (stopped_ || !partition->assigned || cluster_.find_topic(name.topic) != nullptr) continue;
      const auto known = cluster_.topic(name.topic, deadline);
      if (!known && !is_retriable(known.error()) && known.error().failure != Failure::closed) {
        fail(*partition, known.error());
        arrived_.notify_all();
      }
      follow_metadata();
    }
    if (stopped_) break;
    const bool refreshed = cluster_.next_refresh() > world_.now() || cluster_.refresh(deadline).has_value();
    failures = refreshed && !unknown ? 0 : failures + 1;
    if (failures > 0 && !stopped_) {
      (void)keeper_work_.wait_until(runtime::deadline_in(world_, cluster_.options().retry.after(failures, random_)));
    }
  }
}

void Consumer::Core::run_fetcher(Fetcher& fetcher) {
  while (!stopped_) {
    follow_metadata();
    if (settle_position(fetcher)) continue;
    if (fetch(fetcher)) continue;
    if (stopped_) break;
    const Instant now = world_.now();
    Instant next = end_of_time;
    for (const PartitionPointer& partition : fetcher.led) {
      if (partition->not_before > now) next = std::min(next, partition->not_before);
    }
    (void)fetcher.work.wait_until(next);
  }
}

void Consumer::Core::back_off(Partition& partition) {
  ++partition.attempts;
  partition.not_before = runtime::deadline_in(world_, cluster_.options().retry.after(partition.attempts, random_));
}

// ---- positions ----

// Looks up or validates one position that needs it. False if none does.
bool Consumer::Core::settle_position(Fetcher& fetcher) {
  const Instant now = world_.now();
  const auto found = std::ranges::find_if(fetcher.led, [now](const PartitionPointer& partition) {
    return partition->active(now) && (partition->needs_reset || (partition->needs_validation && partition->position));
  });
  if (found == fetcher.led.end()) return false;
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the calls below wait, and `led` may change under them.
  const PartitionPointer partition = *found;
  if (partition->needs_reset) {
    look_up(partition);
  } else {
    validate(fetcher, partition);
  }
  return true;
}

void Consumer::Core::look_up(const PartitionPointer& partition) {
  const std::uint64_t generation = partition->generation;
  const OffsetSpec where = options_.reset == OffsetReset::earliest ? OffsetSpec::earliest() : OffsetSpec::latest();
  const auto found =
      find_offset(cluster_, partition->name, where, options_.isolation, runtime::deadline_in(world_, options_.request_timeout));
  if (stopped_ || !partition->assigned || partition->generation != generation) return;
  if (found) {
    partition->position = found->offset;
    partition->position_epoch = no_epoch;
    partition->needs_reset = false;
    partition->needs_validation = false;
    partition->attempts = 0;
  } else if (is_retriable(found.error())) {
    back_off(*partition);
  } else {
    fail(*partition, found.error());
    arrived_.notify_all();
  }
}

// KIP-320: does the leader's log still hold what was read before the position?
void Consumer::Core::validate(Fetcher& fetcher, const PartitionPointer& partition) {
  const std::uint64_t generation = partition->generation;
  const Instant deadline = runtime::deadline_in(world_, options_.request_timeout);
  protocol::OffsetForLeaderEpochRequest request;
  request.replica_id = -1;
  auto& topic = request.topics.emplace_back();
  topic.topic = partition->name.topic;
  auto& asked = topic.partitions.emplace_back();
  asked.partition = partition->name.partition.value();
  asked.current_leader_epoch = partition->leader_epoch.value();
  asked.leader_epoch = partition->position_epoch.value();
  const auto connection = cluster_.connection_to(fetcher.node, deadline);
  auto response = connection ? (*connection)->call(request, deadline)
                             : Result<protocol::OffsetForLeaderEpochResponse>{std::unexpected{connection.error()}};
  if (stopped_ || !partition->assigned || partition->generation != generation) return;
  if (!response || response->topics.size() != 1 || response->topics[0].partitions.size() != 1) {
    if (!response && response.error().failure == Failure::unsupported) {
      partition->needs_validation = false;  // a broker from before KIP-320: nothing to compare with
      return;
    }
    cluster_.invalidate();
    keeper_work_.notify_all();
    return back_off(*partition);
  }
  const auto& end = response->topics[0].partitions[0];
  if (const auto code = static_cast<ErrorCode>(end.error_code); code != ErrorCode::none) return take_refusal(*partition, code);
  partition->needs_validation = false;
  partition->attempts = 0;
  const bool whole = end.end_offset >= partition->position->value() && end.leader_epoch >= partition->position_epoch.value();
  if (whole || end.end_offset < 0) return;
  if (options_.reset == OffsetReset::none) {
    fail(*partition, {.failure = Failure::out_of_range, .detail = "the log was cut below the position"});
    return arrived_.notify_all();
  }
  partition->position = std::min(*partition->position, Offset{end.end_offset});
  partition->position_epoch = LeaderEpoch{end.leader_epoch};
}

// ---- fetching ----

std::shared_ptr<ResponseBody> Consumer::Core::free_body(Fetcher& fetcher) {
  for (const auto& body : fetcher.bodies) {
    if (body.use_count() == 1) return body;
  }
  return fetcher.bodies.emplace_back(std::make_shared<ResponseBody>());
}

// What is fetchable at the node; lowers `version_max` to what can name every topic.
std::vector<Consumer::Core::Asked> Consumer::Core::gather(Fetcher& fetcher, std::vector<FetchTarget>& targets,
                                                          std::int16_t& version_max) {
  std::vector<Asked> asked;
  const Instant now = world_.now();
  for (const PartitionPointer& partition : fetcher.led) {
    if (!partition->fetchable(now)) continue;
    const TopicInfo* const topic = cluster_.find_topic(partition->name.topic);
    if (topic == nullptr) continue;
    if (topic->id.is_zero()) version_max = topic_ids_from - 1;
    targets.push_back({.partition = &partition->name,
                       .topic_id = topic->id,
                       .offset = *partition->position,
                       .leader_epoch = partition->leader_epoch});
    asked.push_back({.partition = partition,
                     .generation = partition->generation,
                     .topic_id = topic->id,
                     .leader_epoch = partition->leader_epoch});
  }
  return asked;
}

// One fetch of all that is fetchable at the node. False, at once, if nothing is.
bool Consumer::Core::fetch(Fetcher& fetcher) {
  const Instant now = world_.now();
  if (std::ranges::none_of(fetcher.led, [now](const PartitionPointer& p) { return p->fetchable(now); })) return false;
  const Instant deadline = runtime::deadline_in(world_, options_.request_timeout);
  const auto connection = cluster_.connection_to(fetcher.node, deadline);
  if (stopped_) return false;
  if (!connection) return take_failure(fetcher, connection.error());

  std::vector<FetchTarget> targets;
  std::int16_t version_max = Api<protocol::FetchRequest>::version_max;
  const std::vector<Asked> asked = gather(fetcher, targets, version_max);
  if (targets.empty()) return false;
  const auto version = (*connection)->versions().choose<protocol::FetchRequest>(version_max);
  if (!version) return take_failure(fetcher, {.failure = Failure::unsupported, .detail = "no version of Fetch in common"});
  protocol::FetchRequest& request = fetcher.request;
  request.max_wait_ms = static_cast<std::int32_t>(to_ms(options_.fetch_wait_max));
  request.min_bytes = options_.fetch_bytes_min;
  request.max_bytes = options_.fetch_bytes_max;
  request.isolation_level = static_cast<std::int8_t>(options_.isolation);
  fetcher.session.build(targets, options_.partition_bytes_max, *version, request);
  const std::shared_ptr<ResponseBody> body = free_body(fetcher);
  const auto response = (*connection)->call(request, *body, deadline, *version);
  if (stopped_) return false;
  if (!response) return take_failure(fetcher, response.error());
  fetcher.failures = 0;
  if (response->error_code != 0) {
    take_session_error(fetcher, asked, static_cast<ErrorCode>(response->error_code));
  } else {
    fetcher.session.succeeded(response->session_id);
    take_response(asked, body, *response, *version);
  }
  return true;
}

bool Consumer::Core::take_failure(Fetcher& fetcher, const Error& error) {
  fetcher.session.lost();
  if (error.failure == Failure::unsupported) {
    for (const PartitionPointer& partition : fetcher.led) fail(*partition, error);
    arrived_.notify_all();
    return true;
  }
  cluster_.invalidate();
  keeper_work_.notify_all();
  ++fetcher.failures;
  const Instant again = runtime::deadline_in(world_, cluster_.options().retry.after(fetcher.failures, random_));
  for (const PartitionPointer& partition : fetcher.led) partition->not_before = std::max(partition->not_before, again);
  return true;
}

void Consumer::Core::take_session_error(Fetcher& fetcher, const std::vector<Asked>& asked, ErrorCode code) {
  fetcher.session.failed(code);
  switch (code) {
    case ErrorCode::fetch_session_id_not_found:
    case ErrorCode::invalid_fetch_session_epoch: return;  // the next request opens another
    case ErrorCode::fetch_session_topic_id_error: break;
    default: {
      for (const Asked& one : asked) {
        if (one.partition->assigned && one.partition->generation == one.generation) take_refusal(*one.partition, code);
      }
      return;
    }
  }
  cluster_.invalidate();
  keeper_work_.notify_all();
  for (const Asked& one : asked) back_off(*one.partition);
}

void Consumer::Core::take_response(const std::vector<Asked>& asked, const std::shared_ptr<ResponseBody>& body,
                                   const protocol::FetchResponse& response, std::int16_t version) {
  std::size_t hint = 0;  // answers come in the order of the questions, mostly
  for (const auto& topic : response.responses) {
    for (const auto& data : topic.partitions) {
      for (std::size_t count = 0; count < asked.size(); ++count) {
        const Asked& one = asked[(hint + count) % asked.size()];
        const TopicPartition& name = one.partition->name;
        if (name.partition.value() != data.partition_index) continue;
        if (version >= topic_ids_from ? one.topic_id != topic.topic_id : name.topic != topic.topic) continue;
        hint += count + 1;
        if (one.partition->assigned && one.partition->generation == one.generation) take_partition(one, body, data);
        break;
      }
    }
  }
}

void Consumer::Core::take_partition(const Asked& asked, const std::shared_ptr<ResponseBody>& body,
                                    const protocol::FetchResponse::PartitionData& data) {
  Partition& partition = *asked.partition;
  if (data.current_leader.leader_id >= 0) {
    (void)cluster_.learn_leader(partition.name.topic, partition.name.partition, NodeId{data.current_leader.leader_id},
                                LeaderEpoch{data.current_leader.leader_epoch});
  }
  if (const auto code = static_cast<ErrorCode>(data.error_code); code != ErrorCode::none) return take_refusal(partition, code);
  partition.attempts = 0;
  partition.told_in = asked.leader_epoch;
  partition.high_watermark = Offset{data.high_watermark};
  if (data.log_start_offset >= 0) partition.log_start = Offset{data.log_start_offset};
  if (data.records.bytes.empty()) return;
  partition.body = body;
  partition.rest = data.records.bytes;
  partition.aborted_producers.clear();
  partition.aborted.clear();
  if (data.aborted_transactions) partition.aborted = *data.aborted_transactions;
  std::ranges::sort(partition.aborted, std::greater{}, [](const auto& one) { return one.first_offset; });
  arrived_.notify_all();
}

void Consumer::Core::take_refusal(Partition& partition, ErrorCode code) {
  if (code == ErrorCode::offset_out_of_range) {
    if (options_.reset == OffsetReset::none) {
      fail(partition, {.failure = Failure::out_of_range, .code = code, .detail = "the position is outside the log"});
      return arrived_.notify_all();
    }
    partition.needs_reset = true;
    return;
  }
  if (!protocol::is_retriable(code)) {
    fail(partition, refused_with(code, "Fetch"));
    return arrived_.notify_all();
  }
  if (is_stale_metadata(code)) {
    cluster_.invalidate();
    keeper_work_.notify_all();
  }
  back_off(partition);
}

}  // namespace squall::client
