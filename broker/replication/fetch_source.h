// The follower's side of a fetch session with one source broker (KIP-227): what it fetches there, what the source has been
// told, and so what the next request has to say.
//
// Pure. One request is under way at a time. The order of partitions is the order in which they are served: those that got
// records go behind the others.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "base/uuid.h"
#include "broker/replication/follower_state.h"
#include "protocol/error_code.h"

namespace squall::broker {

struct ReplicaKey {
  Uuid topic_id;
  PartitionIndex partition;
  auto operator<=>(const ReplicaKey&) const = default;
};

// How a partition is to be fetched.
struct FetchWish {
  FollowerPosition position;
  bool throttleable = false;  // its replica is listed for throttling and is not in the ISR (KIP-73)
  bool operator==(const FetchWish&) const = default;
};

struct PlannedFetch {
  ReplicaKey key;
  FollowerPosition position;
};

// What the next Fetch request says.
struct FetchPlan {
  std::int32_t session_id = 0;
  std::int32_t session_epoch = 0;  // 0: full, and opens a session
  std::vector<PlannedFetch> fetch;
  std::vector<ReplicaKey> forget;
};

// The head of an answer.
struct FetchAnswerHead {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  std::int32_t session_id = 0;
  std::int32_t throttle_ms = 0;
  std::span<const ReplicaKey> partitions;
};

// Whether requests tell the high watermarks that the follower knows (Fetch v18, ReplicaFetchLimits::state_high_watermark). Then
// one that rose is told though nothing else has changed: the leader owes an answer, at once, until it hears of it.
enum class HighWatermarks : std::uint8_t { unstated, stated };

class FetchSource {
 public:
  explicit FetchSource(HighWatermarks told = HighWatermarks::unstated)
      : states_high_watermarks_{told == HighWatermarks::stated} {}

  // The partition is fetched as `wish` says from the next request on.
  void put(const ReplicaKey& key, const FetchWish& wish);
  void remove(const ReplicaKey& key);
  [[nodiscard]] bool contains(const ReplicaKey& key) const { return entries_.contains(key); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

  // The next request; empty if there is nothing to ask for. Those that back off or are held back (`throttled`: the rate is
  // exceeded) are left out: they are forgotten, and asked for again when their time comes.
  [[nodiscard]] std::optional<FetchPlan> plan(Instant now, bool throttled);
  // When something that backs off is ready; end_of_time if nothing backs off.
  [[nodiscard]] Instant next_ready() const;

  // Something is left out of the session that the throttle may have held back.
  [[nodiscard]] bool holds_throttled() const;

  // The answer to the request under way. False: it is of no use (an error, or it names partitions that it should not), and the
  // next request opens a new session.
  [[nodiscard]] bool answered(const FetchAnswerHead& head);
  // The request under way got no answer. The next one closes the session and opens another: the source may have taken it.
  void failed();
  // Under what the partition was asked for in the request that was answered; empty if it was not.
  [[nodiscard]] std::optional<FetchTag> tag_of(const ReplicaKey& key) const;
  // The partition got records: it is served last from now on.
  void got_records(const ReplicaKey& key);

  [[nodiscard]] bool in_flight() const { return in_flight_; }
  [[nodiscard]] std::int32_t session_id() const { return session_id_; }
  [[nodiscard]] std::int32_t session_epoch() const { return session_epoch_; }
  void check_invariants() const;

 private:
  struct Entry {
    std::optional<FetchWish> wish;         // empty: no longer wanted, but the source still has it
    std::optional<FollowerPosition> told;  // what the source has
    std::optional<Instant> backing_off;    // its place in `backing_off_`
    std::uint64_t turn = 0;
  };
  using Ready = std::pair<Instant, ReplicaKey>;

  void back_off(const ReplicaKey& key, Entry& entry, Instant until);
  void stop_backing_off(const ReplicaKey& key, Entry& entry);
  void wake(Instant now, bool throttled);
  void forget_told();
  void plan_changes(Instant now, bool throttled, FetchPlan& plan);
  void sort_by_turn(std::vector<PlannedFetch>& fetch) const;
  // What the source has becomes what is wished, or nothing if that is not wished or held. Returns whether the entry is still of
  // use.
  bool settle(const ReplicaKey& key, Entry& entry, Instant now, bool throttled, FetchPlan& plan);
  void start_over(std::int32_t session_to_close);
  // Whether a request would say the same of both.
  [[nodiscard]] bool reads_alike(const FollowerPosition& left, const FollowerPosition& right) const;

  std::map<ReplicaKey, Entry> entries_;
  std::set<ReplicaKey> changed_;       // what the source was told may differ from what is wished
  std::set<ReplicaKey> throttleable_;  // looked at when the throttle begins to hold back, or ceases to
  std::set<Ready> backing_off_;
  std::int32_t session_id_ = 0;
  std::int32_t session_epoch_ = 0;
  std::size_t told_ = 0;
  std::uint64_t turns_ = 0;
  bool in_flight_ = false;
  bool lost_ = false;       // the session has: what the source was told is still there for the answer under way
  bool throttled_ = false;  // as of the last plan
  bool states_high_watermarks_;
};

}  // namespace squall::broker
