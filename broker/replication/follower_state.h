// A partition as a follower sees it: where it fetches from, what it must cut off first, and what it may call committed.
//
// Pure. Rules: KIP-101, KIP-279 and KIP-320 (truncation by leader epochs, told by Fetch v12 and later), KIP-207, and what an
// OFFSET_OUT_OF_RANGE means.
//
// An order to the log (append, truncate, start afresh) may take time. While it runs nothing is fetched, and its completion
// carries the tag of the order; so does each answer to a fetch. A tag that is not the present one belongs to an earlier leader
// epoch or to a log that has been cut since: it is dropped (KAFKA-7786, KAFKA-13207, KAFKA-18991). The shell in turn lets no
// order outlive a change of role: it waits for the log, then reports the metadata.
//
// After an error a partition backs off for replica.fetch.backoff.ms, but not from a leader that only has to hear what we have
// heard already: a broker that does not know yet that it leads in our epoch, or that there is such a partition
// (`leader_is_behind`), is asked again after `behind_backoff_min`, then after twice that, and so on up to
// replica.fetch.backoff.ms. Kafka's brokers wait for all of it, and acks=all with them, for a second after many a change of
// leader. A newer leader epoch ends any back-off.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "base/types.h"
#include "broker/replication/types.h"
#include "protocol/error_code.h"

namespace squall::broker {

inline constexpr Duration behind_backoff_min = std::chrono::milliseconds{20};

// The error of a broker whose metadata may be older than that of who asks it for an epoch that it leads.
[[nodiscard]] bool leader_is_behind(protocol::ErrorCode error);

// Under what a fetch was asked for.
struct FetchTag {
  LeaderEpoch leader_epoch = no_epoch;
  std::uint32_t generation = 0;  // grows with each order to cut the log, and with each leader epoch
  Offset fetch_offset = no_offset;
  bool operator==(const FetchTag&) const = default;
};

// What the next fetch asks for.
struct FollowerPosition {
  FetchTag tag;
  LeaderEpoch last_fetched_epoch = no_epoch;
  Offset log_start = no_offset;
  Offset high_watermark = no_offset;
  Instant ready_at{};  // not before: it backs off from an error
  bool operator==(const FollowerPosition&) const = default;
};

// ---- events ----

struct FetchAnswered {
  FetchTag tag;
  protocol::ErrorCode error = protocol::ErrorCode::none;
  Offset high_watermark = no_offset;
  Offset log_start = no_offset;
  bool has_records = false;
  // The leader's log and ours part ways: what its log says of the epoch that we fetched last, and where ours has the epoch of
  // that answer end.
  std::optional<EpochEndOffset> diverging;
  EpochEndOffset own_epoch_end;
};
struct OrderDone {
  FetchTag tag;
  Offset log_start = no_offset;
  Offset log_end = no_offset;
  LeaderEpoch latest_epoch = no_epoch;
};
enum class OrderFailure : std::uint8_t {
  corrupt,  // the records were not whole: they are fetched again
  storage,  // the log is offline: nothing more is fetched
};
struct OrderFailed {
  FetchTag tag;
  OrderFailure failure = OrderFailure::corrupt;
};
// What the leader told when it was asked for its ends (ListOffsets earliest and latest, under our leader epoch).
struct LeaderEndsFound {
  FetchTag tag;
  protocol::ErrorCode error = protocol::ErrorCode::none;
  Offset log_start = no_offset;
  Offset log_end = no_offset;
};

// ---- effects ----

enum class LogOrderKind : std::uint8_t {
  append,    // the records of the answer, at the offset of the tag; refuses batches of an epoch above the tag's (KAFKA-18723)
  truncate,  // to `offset`; also if that is the log end: an epoch that begins there must be forgotten
  start_afresh,  // nothing is kept; the log begins at `offset`
};
struct LogOrder {
  LogOrderKind kind = LogOrderKind::append;
  FetchTag tag;
  Offset offset = no_offset;
};

struct FollowerEffects {
  bool late = false;  // the event was of an earlier position; nothing has changed
  std::optional<LogOrder> order;
  // Records below the high watermark that we knew are cut off: only an election outside the ISR makes that right.
  bool cuts_committed = false;
  std::optional<FetchTag> find_leader_ends;
  std::optional<Offset> high_watermark;  // rose to this
  std::optional<Offset> log_start;  // all below is deleted at the leader, and goes here too; never above the high watermark
};

enum class FollowerStage : std::uint8_t {
  leaderless,  // nobody to fetch from
  fetching,
  ordering,  // the log carries out an order
  finding,   // the leader is asked for its ends
  fenced,    // the leader knows of a newer epoch: metadata will tell
  failed,    // the log is offline
};

// Invariant: log start <= high watermark <= log end. The high watermark falls only with a truncation below it.
class FollowerState {
 public:
  explicit FollowerState(ReplicationConfig config) : config_{config} {}

  // A newer leader epoch; `leader` may be no_node. What is in the log but of no known epoch cannot be compared with the
  // leader's, so it is cut to the high watermark first.
  [[nodiscard]] FollowerEffects follow(Instant now, NodeId leader, LeaderEpoch leader_epoch, const LocalLog& log);

  [[nodiscard]] FollowerEffects step(Instant now, const FetchAnswered& event);
  [[nodiscard]] FollowerEffects step(Instant now, const OrderDone& event);
  [[nodiscard]] FollowerEffects step(Instant now, const OrderFailed& event);
  [[nodiscard]] FollowerEffects step(Instant now, const LeaderEndsFound& event);

  // Empty while nothing may be fetched.
  [[nodiscard]] std::optional<FollowerPosition> position() const;
  [[nodiscard]] NodeId leader() const { return leader_; }
  [[nodiscard]] LeaderEpoch leader_epoch() const { return leader_epoch_; }
  [[nodiscard]] FollowerStage stage() const { return stage_; }
  [[nodiscard]] Offset log_start() const { return log_start_; }
  [[nodiscard]] Offset log_end() const { return log_end_; }
  [[nodiscard]] Offset high_watermark() const { return high_watermark_; }
  void check_invariants() const;

 private:
  [[nodiscard]] static FollowerEffects late();
  [[nodiscard]] FetchTag tag() const { return {leader_epoch_, generation_, log_end_}; }
  void back_off(Instant now);
  void back_off(Instant now, protocol::ErrorCode error);
  FollowerEffects failed_at_leader(Instant now, protocol::ErrorCode error);
  void order_append(const FetchAnswered& event, FollowerEffects& effects);
  void order_cut(LogOrderKind kind, Offset offset, FollowerEffects& effects);
  [[nodiscard]] Offset truncation_offset(const EpochEndOffset& leader, const EpochEndOffset& own) const;
  void learn(Offset leader_high_watermark, Offset leader_log_start, FollowerEffects& effects);

  ReplicationConfig config_;
  NodeId leader_ = no_node;
  LeaderEpoch leader_epoch_ = no_epoch;
  FollowerStage stage_ = FollowerStage::leaderless;
  std::uint32_t generation_ = 0;
  Offset log_start_{0};
  Offset log_end_{0};
  Offset high_watermark_{0};
  LeaderEpoch last_fetched_epoch_ = no_epoch;
  Instant ready_at_{};
  Duration behind_backoff_ = behind_backoff_min;  // the next one from a leader that is behind
  // Of the order under way.
  LogOrder order_;
  Offset told_high_watermark_ = no_offset;
  Offset told_log_start_ = no_offset;
};

}  // namespace squall::broker
