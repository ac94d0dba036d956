#include "broker/replica_fetcher.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "protocol/messages/list_offsets.h"
#include "runtime/deadline.h"

namespace squall::broker {

using protocol::ErrorCode;

namespace {

constexpr std::int16_t first_with_topic_ids = 13;
constexpr std::int16_t first_with_replica_states = 15;
constexpr std::int16_t first_with_high_watermarks = 18;
constexpr std::int64_t latest = -1;
constexpr std::int64_t earliest = -2;

}  // namespace

ReplicaFetcher::ReplicaFetcher(ReplicaManager& manager, const SourceId& source)
    : manager_{manager}, world_{manager.world_}, source_{source}, changed_{manager.world_} {}

void ReplicaFetcher::hang_up() {
  if (connection_ != nullptr) connection_->close();
  wake();
}

void ReplicaFetcher::stop() {
  if (!writing_) world_.cancel(fiber_);
}

void ReplicaFetcher::run() {
  FetchPlanner& planner = manager_.planner_;
  while (!manager_.stopping_ && manager_.used_.contains(source_)) {
    const Instant now = world_.now();
    const auto plan = planner.plan(source_, manager_.follower_throttle(), now);
    if (!plan) {
      (void)changed_.wait(planner.next_plan(source_, manager_.follower_throttle(), now));
    } else if (!fetch(*plan)) {
      pause();
    }
  }
  if (manager_.stopping_) return;
  planner.drop(source_);
  manager_.fetchers_.erase(source_);
}

bool ReplicaFetcher::fetch(const FetchPlan& plan) {
  FetchSource& source = *manager_.planner_.find(source_);
  std::optional<std::int16_t> version;
  if (connect()) version = connection_->versions().choose<protocol::FetchRequest>();
  if (!version || *version < first_with_topic_ids) {
    source.failed();
    return false;
  }
  ReplicaFetchLimits limits = manager_.options_.limits;
  limits.state_high_watermark = limits.state_high_watermark && *version >= first_with_high_watermarks;
  protocol::FetchRequest request = fetch_request_of(plan, limits, manager_.options_.self, manager_.options_.broker_epoch());
  if (*version >= first_with_replica_states) {
    request.replica_id = no_node.value();
  } else {
    request.replica_state = {};
  }
  const Instant deadline = runtime::deadline_in(world_, manager_.options_.socket_timeout);
  const auto response = connection_->call(request, body_, deadline);
  if (!response) {
    connection_.reset();
    source.failed();
    return false;
  }
  return take(*response);
}

bool ReplicaFetcher::connect() {
  const auto endpoint = manager_.options_.endpoint_of(source_.broker);
  if (!endpoint) return false;
  if (connection_ != nullptr && !connection_->broken() && connection_->endpoint() == *endpoint) return true;
  connection_.reset();
  client::ConnectionOptions options;
  options.client_id = fmt::format("broker-{}-fetcher-{}", manager_.options_.self, source_.fetcher);
  options.request_timeout = manager_.options_.socket_timeout;
  auto opened = client::Connection::open(world_, *endpoint, options);
  if (!opened) return false;
  connection_ = std::move(*opened);
  return true;
}

bool ReplicaFetcher::take(const protocol::FetchResponse& response) {
  std::vector<ReplicaKey> keys;
  for (const auto& topic : response.responses) {
    for (const auto& data : topic.partitions) keys.push_back({topic.topic_id, PartitionIndex{data.partition_index}});
  }
  const FetchAnswerHead head{.error = protocol::error_from_wire(response.error_code),
                             .session_id = response.session_id,
                             .throttle_ms = response.throttle_time_ms,
                             .partitions = keys};
  // A session that the broker has forgotten is opened again at once, but not again and again.
  if (!manager_.planner_.find(source_)->answered(head)) return ++refused_ == 1;
  refused_ = 0;
  Ends ends;
  std::size_t next = 0;
  for (const auto& topic : response.responses) {
    for (const auto& data : topic.partitions) take(keys[next++], data, ends);
  }
  find_ends(ends);
  return true;
}

void ReplicaFetcher::take(const ReplicaKey& key, const protocol::FetchResponse::PartitionData& data, Ends& ends) {
  if (manager_.stopping_) return;
  FetchSource& source = *manager_.planner_.find(source_);
  const auto tag = source.tag_of(key);
  const auto at = manager_.followed_.find(key);
  if (!tag || at == manager_.followed_.end()) return;
  const PartitionRef partition = at->second;
  const FetchAnswered answer = fetch_answer_of(data, *tag);
  if (answer.has_records && partition->throttled_as_follower()) {
    manager_.follower_throttle().record(world_.now(), static_cast<std::int64_t>(data.records.bytes.size()));
  }
  writing_ = true;
  const auto wanted = partition->fetch_answered(answer, writable(data.records.bytes));
  writing_ = false;
  if (answer.has_records) source.got_records(key);
  if (wanted) ends.emplace_back(partition, *wanted);
  manager_.refresh(partition);
}

// Of what lies outside of its leader's log.
void ReplicaFetcher::find_ends(const Ends& ends) {
  for (const auto& [partition, tag] : ends) {
    if (manager_.stopping_) return;
    LeaderEndsFound found{.tag = tag};
    const auto start = ask_for_offset(*partition, tag.leader_epoch, earliest);
    const auto end = start ? ask_for_offset(*partition, tag.leader_epoch, latest) : start;
    if (end) {
      found.log_start = *start;
      found.log_end = *end;
    } else {
      const client::Error& error = end.error();
      found.error = error.failure == client::Failure::refused ? error.code : ErrorCode::request_timed_out;
    }
    if (manager_.stopping_) return;
    writing_ = true;
    (void)partition->leader_ends_found(found);
    writing_ = false;
    manager_.refresh(partition);
  }
}

client::Result<Offset> ReplicaFetcher::ask_for_offset(const Partition& partition, LeaderEpoch epoch, std::int64_t timestamp) {
  protocol::ListOffsetsRequest request;
  request.replica_id = manager_.options_.self.value();
  auto& topic = request.topics.emplace_back();
  topic.name = partition.name().topic;
  topic.partitions.push_back(
      {.partition_index = partition.name().partition.value(), .current_leader_epoch = epoch.value(), .timestamp = timestamp});
  if (!connect()) return std::unexpected{client::Error{.failure = client::Failure::disconnected}};
  const auto response = connection_->call(request, runtime::deadline_in(world_, manager_.options_.socket_timeout));
  if (!response) return std::unexpected{response.error()};
  if (response->topics.size() != 1 || response->topics[0].partitions.size() != 1) {
    return std::unexpected{client::Error{.failure = client::Failure::malformed}};
  }
  const auto& answer = response->topics[0].partitions[0];
  const ErrorCode error = protocol::error_from_wire(answer.error_code);
  if (error != ErrorCode::none) return std::unexpected{client::refused_with(error)};
  return Offset{answer.offset};
}

void ReplicaFetcher::pause() {
  const Instant until = runtime::deadline_in(world_, manager_.options_.replication.fetch_backoff);
  const auto over = [&] {
    return manager_.stopping_ || !manager_.used_.contains(source_) || runtime::has_passed(world_, until);
  };
  while (!over()) (void)changed_.wait(until);
}

// The records lie in the buffer of the response, which is ours.
MutableBytes ReplicaFetcher::writable(ByteView records) {
  if (records.empty()) return {};
  const auto at = static_cast<std::size_t>(records.data() - body_.storage.data());
  SQUALL_ASSERT(at + records.size() <= body_.storage.size(), "the records of a response are in its body");
  return MutableBytes{body_.storage}.subspan(at, records.size());
}

}  // namespace squall::broker
