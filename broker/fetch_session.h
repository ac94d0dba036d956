// Incremental fetch sessions (KIP-227): the broker remembers what a consumer or a follower fetches, so that a request names
// only what has changed and a response carries only what is new. Pure: no I/O, no clock; time and randomness are passed in.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>

#include "base/random.h"
#include "base/time.h"
#include "base/types.h"
#include "base/uuid.h"

namespace squall::broker {

// A partition as a Fetch request names it: by id from version 13, by name before (KIP-516).
struct FetchKey {
  Uuid topic_id;
  std::string topic;
  PartitionIndex partition;
  auto operator<=>(const FetchKey&) const = default;
};

struct FetchPartition {
  FetchKey key;
  Offset fetch_offset;
  LeaderEpoch current_leader_epoch = no_epoch;
  LeaderEpoch last_fetched_epoch = no_epoch;
  Offset follower_log_start = no_offset;
  std::int32_t max_bytes = 0;
  Offset follower_high_watermark = no_offset;  // what a follower knows of (v18); no_offset: not told
};

// What the last responses of the session told of a partition; -1 before the first one.
struct FetchPartitionState {
  FetchPartition request;
  Offset told_high_watermark = no_offset;
  Offset told_log_start = no_offset;
  Offset told_last_stable = no_offset;
};

// What is to be told of a partition now.
struct FetchPartitionAnswer {
  Offset high_watermark = no_offset;
  Offset log_start = no_offset;
  Offset last_stable = no_offset;
  bool has_records = false;
  bool has_error = false;  // or a diverging epoch: what else is told with it is not taken over
};

class FetchSession {
 public:
  FetchSession(std::int32_t id, bool by_topic_id, bool privileged, Instant now)
      : id_{id}, by_topic_id_{by_topic_id}, privileged_{privileged}, created_{now} {}

  // In the order in which they are to be served: those that got records last come last.
  [[nodiscard]] std::list<FetchPartitionState>& partitions() { return partitions_; }
  [[nodiscard]] std::int32_t id() const { return id_; }
  [[nodiscard]] std::int32_t next_epoch() const { return next_epoch_; }

  // Adds the partition, or changes how it is fetched; it keeps its place and what was told, unless its leader epoch is new:
  // what was answered under the old one may have been dropped.
  void put(const FetchPartition& partition);
  void forget(const FetchKey& key);

  // Whether `answer` must be in an incremental response; remembers what it tells if so. An error forgets what was told, so that
  // the partition is told of again once it works.
  [[nodiscard]] static bool must_tell(FetchPartitionState& partition, const FetchPartitionAnswer& answer);
  // Moves a partition that got records behind all others, so that a response that is full starves nobody.
  void serve_last(std::list<FetchPartitionState>::iterator partition);

 private:
  friend class FetchSessionCache;
  std::int32_t id_;
  bool by_topic_id_;
  bool privileged_;
  std::int32_t next_epoch_ = 1;
  Instant created_;
  Instant used_{};
  std::size_t cached_size_ = 0;
  std::list<FetchPartitionState> partitions_;
  std::map<FetchKey, std::list<FetchPartitionState>::iterator> places_;
};

enum class FetchSessionError : std::uint8_t { none, id_not_found, invalid_epoch, topic_id };

// All sessions of a node.
// Invariant: at most `slots` sessions; each is in `by_use_` and `by_worth_` exactly once.
class FetchSessionCache {
 public:
  // A session may be evicted by a worthier one once it is this old, and by any once it is idle this long.
  static constexpr Duration eviction_age = std::chrono::seconds{120};
  static constexpr std::int32_t initial_epoch = 0;  // opens a session
  static constexpr std::int32_t final_epoch = -1;   // closes it; with id 0: no session is wanted

  FetchSessionCache(std::size_t slots, Random random) : slots_{slots}, random_{random} {}

  struct Found {
    FetchSession* session = nullptr;  // null without an error: an empty session has been closed
    FetchSessionError error = FetchSessionError::none;
  };
  // For a request that is incremental (epoch > 0): finds the session, applies the changes, advances its epoch.
  [[nodiscard]] Found resume(std::int32_t id, std::int32_t epoch, bool by_topic_id, std::span<const FetchPartition> changed,
                             std::span<const FetchKey> forgotten, Instant now);
  // For a full request that wants a session: null if all slots are taken by sessions worth more. Followers are `privileged`:
  // theirs are worth more than any consumer's, and take a slot from one however young it is.
  [[nodiscard]] FetchSession* open(bool by_topic_id, std::span<const FetchPartition> partitions, Instant now,
                                   bool privileged = false);
  // Null if it has gone; a session may go while a fiber that serves it waits.
  [[nodiscard]] FetchSession* find(std::int32_t id);
  void close(std::int32_t id);

  [[nodiscard]] std::size_t size() const { return sessions_.size(); }
  [[nodiscard]] std::size_t partitions() const { return partitions_; }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  using Worth = std::tuple<bool, std::size_t, std::int32_t>;  // privilege first, then more partitions, are worth more
  [[nodiscard]] static Worth worth_of(const FetchSession& session) {
    return {session.privileged_, session.cached_size_, session.id_};
  }
  void enlist(FetchSession& session);
  void delist(const FetchSession& session);
  void relist(FetchSession& session, Instant now);
  bool make_room(std::size_t size, bool privileged, Instant now);
  [[nodiscard]] std::int32_t draw_id();

  std::size_t slots_;
  Random random_;
  std::map<std::int32_t, FetchSession> sessions_;
  std::set<std::tuple<Instant, std::int32_t>> by_use_;
  std::set<Worth> by_worth_;
  std::size_t partitions_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace squall::broker
