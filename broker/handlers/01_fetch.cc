// Fetch: reads records below the high watermark, or for a follower all there are, waits for them if there are too few (long
// poll), and remembers what the client fetches if it wants a session (KIP-227).
#include <algorithm>
#include <limits>

#include "broker/broker_state.h"
#include "broker/confirm_leadership.h"
#include "broker/fetch_reader.h"
#include "broker/handlers/handler.h"
#include "broker/topic_lookup.h"
#include "protocol/messages/fetch.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
constexpr std::int16_t first_with_racks = 11;
constexpr std::int16_t first_with_topic_ids = 13;

struct FetchCall {
  RequestContext& context;
  protocol::FetchRequest& request;
  protocol::FetchResponse& response;
  FetchLimits limits;
  FetchPass pass;
  bool incremental = false;
};

// Version 18: a follower tells what it knows of (KIP-1166).
Offset stated_high_watermark(const protocol::FetchRequest::FetchPartition& partition) {
  const bool stated = partition.high_watermark != std::numeric_limits<std::int64_t>::max();
  return stated ? Offset{partition.high_watermark} : no_offset;
}

std::vector<FetchPartition> partitions_of(const protocol::FetchRequest& request) {
  std::size_t count = 0;
  for (const auto& topic : request.topics) count += topic.partitions.size();
  std::vector<FetchPartition> wanted;
  wanted.reserve(count);
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      wanted.push_back({.key = {topic.topic_id, topic.topic, PartitionIndex{partition.partition}},
                        .fetch_offset = Offset{partition.fetch_offset},
                        .current_leader_epoch = LeaderEpoch{partition.current_leader_epoch},
                        .last_fetched_epoch = LeaderEpoch{partition.last_fetched_epoch},
                        .follower_log_start = Offset{partition.log_start_offset},
                        .max_bytes = partition.partition_max_bytes,
                        .follower_high_watermark = stated_high_watermark(partition)});
    }
  }
  return wanted;
}

std::vector<FetchKey> forgotten_of(const protocol::FetchRequest& request) {
  std::vector<FetchKey> keys;
  for (const auto& topic : request.forgotten_topics_data) {
    for (const std::int32_t partition : topic.partitions) {
      keys.push_back({topic.topic_id, topic.topic, PartitionIndex{partition}});
    }
  }
  return keys;
}

ErrorCode wire_error(FetchSessionError error) {
  switch (error) {
    case FetchSessionError::none: return ErrorCode::none;
    case FetchSessionError::id_not_found: return ErrorCode::fetch_session_id_not_found;
    case FetchSessionError::invalid_epoch: return ErrorCode::invalid_fetch_session_epoch;
    case FetchSessionError::topic_id: return ErrorCode::fetch_session_topic_id_error;
  }
  return ErrorCode::unknown_server_error;
}

// What is due in the session becomes part of the call, or is to be read anew.
void take_due(FetchCall& call) {
  auto& items = call.pass.items;
  bool in_order = true;
  for (FetchPartitionState* state : call.pass.session->take()) {
    if (!state->slot) {
      in_order = in_order && (items.empty() || items.back().state->turn < state->turn);
      state->slot = items.size();
      items.push_back({.wanted = {}, .state = state, .read = {}});
    }
    FetchItem& item = items[*state->slot];
    item.due = true;
    item.wanted = state->request;
    // What the session has told since, the follower knows, too; it states it anew only beside other news.
    Offset& known = item.wanted.follower_high_watermark;
    if (known != no_offset) known = std::max(known, state->told_high_watermark);
  }
  if (in_order) return;
  std::ranges::sort(items, {}, [](const FetchItem& item) { return item.state->turn; });
  for (std::size_t i = 0; i < items.size(); ++i) items[i].state->slot = i;
}

void enter_session(FetchCall& call, FetchSessionCache::SessionRef session) {
  call.pass.session = std::move(session);
  call.pass.session_epoch = call.pass.session->next_epoch();
  call.pass.session->read_by({call.limits.replica, call.limits.replica_epoch, call.limits.read_committed});
  // Where the consumer should read may change at any time, without news of the partition (KIP-392).
  if (!call.limits.rack.empty() && call.context.broker.selects_by_rack) call.pass.session->make_all_due();
  take_due(call);
}

void read_without_session(FetchCall& call, std::vector<FetchPartition> wanted) {
  call.pass.items.reserve(wanted.size());
  for (FetchPartition& partition : wanted) call.pass.items.push_back({.wanted = std::move(partition), .read = {}});
}

// Settles what is to be read. An error here is an error of the whole request.
ErrorCode enter_session(FetchCall& call) {
  FetchSessionCache& sessions = call.context.broker.fetch_sessions;
  const Instant now = call.context.broker.world.now();
  const bool by_topic_id = call.context.version >= first_with_topic_ids;
  const std::int32_t id = call.request.session_id;
  const std::int32_t epoch = call.request.session_epoch;
  std::vector<FetchPartition> wanted = partitions_of(call.request);
  if (epoch == FetchSessionCache::final_epoch || epoch == FetchSessionCache::initial_epoch) {
    if (id != 0) sessions.close(id);
    const bool opens = epoch == FetchSessionCache::initial_epoch;
    auto session = opens ? sessions.open(by_topic_id, wanted, now, call.limits.from_replica()) : nullptr;
    if (session != nullptr) {
      enter_session(call, std::move(session));
    } else {
      read_without_session(call, std::move(wanted));
    }
    return ErrorCode::none;
  }
  auto found = sessions.resume(id, epoch, by_topic_id, wanted, forgotten_of(call.request), now);
  if (found.error != FetchSessionError::none) return wire_error(found.error);
  if (found.session == nullptr) return ErrorCode::none;
  call.incremental = true;
  enter_session(call, std::move(found.session));
  return ErrorCode::none;
}

bool enough(const FetchCall& call) {
  // More than a response may hold is not worth waiting for. A request that named nothing has no session, and nothing to wait
  // for.
  return call.pass.readable_bytes >= std::min<std::int64_t>(call.request.min_bytes, call.limits.max_bytes) ||
         call.pass.answer_at_once || (call.pass.session == nullptr && call.pass.items.empty()) ||
         call.context.broker.stopping || (call.pass.session != nullptr && !call.pass.owns_session());
}

// Whether there is something to be read that was not there at the last reading; if so, it is due.
bool find_news(FetchCall& call) {
  auto& items = call.pass.items;
  if (call.pass.session != nullptr) {
    if (!call.pass.owns_session() || !call.pass.session->has_due()) return false;
    take_due(call);
    // Those that the limits cut are read again, too: what is before them may have grown.
    for (FetchItem& item : items) item.due = item.due || !is_settled(item, call.limits);
    return true;
  }
  const bool news = std::ranges::any_of(items, [&](const FetchItem& item) { return has_news(item.read, call.limits); });
  if (news) {
    for (FetchItem& item : items) item.due = true;
  }
  return news;
}

// A session watches its partitions itself.
void watch_partitions(const FetchCall& call, Watch& watch, std::vector<PartitionRef>& held) {
  if (call.pass.session != nullptr) return watch.add(call.pass.session->changes());
  for (const FetchItem& item : call.pass.items) {
    const PartitionRef& partition = item.read.partition;
    watch.add(call.limits.from_replica() ? partition->replica_watchers() : partition->watchers());
    held.push_back(partition);
  }
}

void read_and_wait(FetchCall& call) {
  BrokerState& broker = call.context.broker;
  broker.world.charge(runtime::Cost::partition, call.pass.items.size());
  read_partitions(broker, call.limits, call.pass);
  call.limits.counts = false;
  if (enough(call) || call.request.max_wait_ms <= 0) return;
  const Instant deadline = runtime::deadline_in(broker.world, std::chrono::milliseconds{call.request.max_wait_ms});
  call.context.slot.release();
  Watch watch{broker.world, call.pass.session != nullptr ? 2 : call.pass.items.size() + 1};
  std::vector<PartitionRef> held;  // keeps the watched lists alive
  watch_partitions(call, watch, held);
  watch.add(broker.stop_watchers);
  broker.metrics.requests_waiting->add(1);
  while (!enough(call)) {
    const bool news = find_news(call);
    if (!news) (void)watch.wait_until(deadline);
    if (news || find_news(call)) read_partitions(broker, call.limits, call.pass);  // at the deadline: what was only noted
    if (runtime::has_passed(broker.world, deadline)) break;
  }
  broker.metrics.requests_waiting->add(-1);
}

// An offset beyond the log's end may lie within the log of a successor.
void confirm_ranges(FetchCall& call) {
  if (call.limits.from_replica()) return;  // it states its leader epoch
  for (FetchItem& item : call.pass.items) {
    PartitionRead& read = item.read;
    if (read.error != ErrorCode::offset_out_of_range || item.wanted.fetch_offset < read.log_start) continue;
    call.context.slot.release();
    if (!confirms_leadership(call.context.broker, *read.partition, read.epoch)) read.error = ErrorCode::not_leader_or_follower;
  }
}

std::int64_t bytes_of(const log::FileRange& range) { return static_cast<std::int64_t>(range.bytes); }

// KIP-951: the leader from version 12 on, where it is from version 16 on.
bool is_hinted(std::int16_t error) {
  return error == wire(ErrorCode::not_leader_or_follower) || error == wire(ErrorCode::fenced_leader_epoch);
}

void hint_leader(const FetchCall& call, const FetchKey& key, protocol::FetchResponse::PartitionData& data,
                 std::vector<NodeId>& leaders) {
  constexpr std::int16_t first_with_leaders = 12;
  constexpr std::int16_t first_with_endpoints = 16;
  if (call.context.version < first_with_leaders || !is_hinted(data.error_code)) return;
  const LeaderHint hint = leader_hint(call.context.broker, call.limits.naming, key.topic, key.topic_id, key.partition.value());
  data.current_leader = {.leader_id = hint.leader.value(), .leader_epoch = hint.epoch.value()};
  if (call.context.version >= first_with_endpoints && hint.leader != no_node) leaders.push_back(hint.leader);
}

void fill(protocol::FetchResponse::PartitionData& data, PartitionRead& read, const FetchCall& call,
          std::vector<log::FileRange>& files) {
  data.error_code = wire(read.error);
  data.high_watermark = read.high_watermark.value();
  data.last_stable_offset = read.last_stable.value();
  data.log_start_offset = read.log_start.value();
  data.aborted_transactions = std::nullopt;
  data.preferred_read_replica = read.preferred.value();
  if (read.diverging) {
    data.diverging_epoch.epoch = read.diverging->epoch.value();
    data.diverging_epoch.end_offset = read.diverging->end_offset.value();
  }
  if (call.limits.read_committed && read.error == ErrorCode::none) {
    auto& aborted = data.aborted_transactions.emplace();
    for (const log::AbortedTransaction& one : read.aborted) {
      aborted.push_back({.producer_id = one.producer_id.value(), .first_offset = one.first_offset.value()});
    }
  }
  data.records = protocol::Records{};
  if (read.range.bytes > 0) {
    if (read.listed) call.context.broker.leader_throttle.record(call.context.broker.world.now(), bytes_of(read.range));
    data.records = protocol::Records::external(read.range.bytes);
    files.push_back(std::move(read.range));
  }
}

bool must_be_told(const PartitionRead& read) {
  return read.error != ErrorCode::none || read.diverging.has_value() || read.preferred != no_node;
}

// Partitions that the client is told of: all that were read, or in a session those with news.
std::vector<bool> told(FetchCall& call) {
  auto& items = call.pass.items;
  std::vector<bool> tell(items.size(), true);
  if (!call.pass.owns_session()) return tell;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const PartitionRead& read = items[i].read;
    const bool news = FetchSession::must_tell(*items[i].state, {.high_watermark = read.high_watermark,
                                                                .log_start = read.log_start,
                                                                .last_stable = read.last_stable,
                                                                .has_records = read.range.bytes > 0,
                                                                .has_error = must_be_told(read)});
    if (call.incremental) tell[i] = news;
    if (read.range.bytes > 0) call.pass.session->serve_last(*items[i].state);
    call.pass.session->settle(*items[i].state, is_settled(items[i], call.limits));
  }
  return tell;
}

void build_response(FetchCall& call) {
  const std::vector<bool> tell = told(call);
  auto& topics = call.response.responses;
  std::vector<NodeId> leaders;
  std::size_t used = 0;  // those of the last response are used again
  for (std::size_t i = 0; i < call.pass.items.size(); ++i) {
    if (!tell[i]) continue;
    const FetchKey& key = call.pass.items[i].wanted.key;
    if (used == 0 || topics[used - 1].topic_id != key.topic_id || topics[used - 1].topic != key.topic) {
      if (used == topics.size()) topics.emplace_back();
      auto& topic = topics[used++];
      topic.topic = key.topic;
      topic.topic_id = key.topic_id;
      topic.partitions.clear();
    }
    auto& data = topics[used - 1].partitions.emplace_back();
    data.partition_index = key.partition.value();
    fill(data, call.pass.items[i].read, call, call.context.files);
    hint_leader(call, key, data, leaders);
    call.context.broker.metrics.error(data.error_code);
  }
  topics.resize(used);
  call.response.node_endpoints.clear();
  if (!leaders.empty()) {
    list_leaders(*call.context.broker.image(), call.context.connection.listener->config.name, std::move(leaders),
                 call.response.node_endpoints);
  }
  call.response.session_id = call.pass.session == nullptr ? 0 : call.pass.session->id();
  call.context.broker.metrics.records_bytes_out->add(static_cast<std::uint64_t>(call.pass.bytes));
}

Disposition handle(RequestContext& context) {
  constexpr std::int64_t response_bytes_max = 0x7000'0000;  // the frame's size is a signed 32-bit number
  FetchCall call{.context = context,
                 .request = context.scratch.fetch_request,
                 .response = context.scratch.fetch_response,
                 .limits = {},
                 .pass = {}};
  call.response.error_code = 0;
  call.response.session_id = 0;
  if (!context.decode_body(call.request)) return Disposition::close;
  call.limits.max_bytes =
      std::min({static_cast<std::int64_t>(call.request.max_bytes), context.broker.config.fetch_max_bytes, response_bytes_max});
  call.limits.naming = context.version >= first_with_topic_ids ? TopicNaming::by_id : TopicNaming::by_name;
  call.limits.read_committed = call.request.isolation_level == 1;
  call.limits.followers_serve = context.version >= first_with_racks;
  call.limits.rack = call.request.rack_id;
  call.limits.replica = NodeId{std::max({call.request.replica_id, call.request.replica_state.replica_id, -1})};
  call.limits.replica_epoch = BrokerEpoch{call.request.replica_state.replica_epoch};
  if (const ErrorCode error = enter_session(call); error != ErrorCode::none) {
    call.response.responses.clear();
    call.response.error_code = wire(error);
    context.broker.metrics.error(call.response.error_code);
    return context.answer(call.response);
  }
  read_and_wait(call);
  confirm_ranges(call);
  build_response(call);
  return context.answer(call.response);
}

}  // namespace

const ApiHandler fetch_handler{.key = 1, .min = 4, .max = 18, .advertised_min = 4, .handle = &handle};

}  // namespace squall::broker
