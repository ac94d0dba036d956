// Incremental fetch sessions (KIP-227): the broker remembers what a consumer or a follower fetches, so that a request names
// only what has changed and a response carries only what is new. Pure: no I/O, no clock; time and randomness are passed in.
//
// A fetch costs what it names and what has changed, not what its session holds. Each partition of a session is *quiet* or
// *due*. It is quiet once it was read and the client has all that there is: then it watches the partition (fetch_watch.h), and
// whatever happens there makes it due (and wakes a fetch that waits, unless it was only noted). A fetch takes those that are
// due, in the session's order; when it has answered, those that it read to the end are quiet, and the others are due again:
// they were cut off by a limit, or gave records that the client may not have taken, or failed.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "base/types.h"
#include "base/uuid.h"
#include "broker/fetch_watch.h"
#include "broker/replication/leader_state.h"

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

// What is to be told of a partition now.
struct FetchPartitionAnswer {
  Offset high_watermark = no_offset;
  Offset log_start = no_offset;
  Offset last_stable = no_offset;
  bool has_records = false;
  bool has_error = false;  // or a diverging epoch: what else is told with it is not taken over
};

// How a client reads, as far as it decides what there is to read. Another client, or one that reads in another way, has not
// seen what the session took for told.
struct FetchReader {
  NodeId replica = no_node;  // no_node: a consumer
  BrokerEpoch replica_epoch = no_broker_epoch;
  bool read_committed = false;
  bool operator==(const FetchReader&) const = default;
};

class FetchSession;

// A partition of a session, and what the last responses told of it; -1 before the first one.
struct FetchPartitionState final : WatchLink {
  FetchPartitionState(FetchSession& its_session, const FetchPartition& its_request)
      : session{&its_session}, request{its_request} {}

  FetchSession* session;
  FetchPartition request;
  Offset told_high_watermark = no_offset;
  Offset told_log_start = no_offset;
  Offset told_last_stable = no_offset;
  std::uint64_t turn = 0;           // its place in the order of service
  std::optional<std::size_t> slot;  // for the fetch that has taken it
  enum class Place : std::uint8_t { quiet, due, taken } place = Place::quiet;
  FetchPartitionState* previous = nullptr;
  FetchPartitionState* next = nullptr;

 private:
  void notified() override;
  void noted() override;
};

// Invariant: a partition is in one of three places: quiet, due, or taken by the fetch under way.
class FetchSession {
 public:
  FetchSession(std::int32_t id, bool by_topic_id, bool privileged, Instant now)
      : id_{id}, by_topic_id_{by_topic_id}, privileged_{privileged}, created_{now} {}
  FetchSession(const FetchSession&) = delete;
  FetchSession& operator=(const FetchSession&) = delete;

  // In the order in which they are to be served: those that got records last come last.
  [[nodiscard]] std::list<FetchPartitionState>& partitions() { return partitions_; }
  [[nodiscard]] std::int32_t id() const { return id_; }
  [[nodiscard]] std::int32_t next_epoch() const { return next_epoch_; }
  // It has left the cache: a fetch that waits in it is to end.
  [[nodiscard]] bool gone() const { return gone_; }

  // Adds the partition, or changes how it is fetched; it is due, keeps its place and what was told, unless its leader epoch is
  // new: what was answered under the old one may have been dropped.
  void put(const FetchPartition& partition);
  void forget(const FetchKey& key);
  // All are due if `reader` is another one than that of the last fetch.
  void read_by(const FetchReader& reader);
  void make_all_due();

  // ---- one fetch; a later one (`next_epoch`) supersedes it, and takes back what it had ----
  // Those that are due, in order: taken now. A change while they are read makes them due again, and then they keep their slot.
  [[nodiscard]] std::vector<FetchPartitionState*> take();
  [[nodiscard]] bool has_due() const { return due_.first != nullptr; }
  // Hears of news of partitions that are due, and of the end of the session.
  [[nodiscard]] WatchList& changes() { return changes_; }
  // The answer to the fetch is made. It is quiet if `quiet`, and nothing has happened since it was read.
  void settle(FetchPartitionState& partition, bool quiet);

  // Whether `answer` must be in an incremental response; remembers what it tells if so. An error forgets what was told, so that
  // the partition is told of again once it works.
  [[nodiscard]] static bool must_tell(FetchPartitionState& partition, const FetchPartitionAnswer& answer);
  // Moves a partition that got records behind all others, so that a response that is full starves nobody.
  void serve_last(FetchPartitionState& partition);

 private:
  friend class FetchSessionCache;
  friend struct FetchPartitionState;
  using Member = std::list<FetchPartitionState>::iterator;
  struct ByKey {
    using is_transparent = void;
    bool operator()(Member left, Member right) const { return left->request.key < right->request.key; }
    bool operator()(const FetchKey& left, Member right) const { return left < right->request.key; }
    bool operator()(Member left, const FetchKey& right) const { return left->request.key < right; }
  };
  struct Line {
    FetchPartitionState* first = nullptr;
    FetchPartitionState* last = nullptr;
    void push(FetchPartitionState& partition);
    void erase(FetchPartitionState& partition);
  };

  using Place = FetchPartitionState::Place;

  void leave_line(FetchPartitionState& partition);
  void line_up(FetchPartitionState& partition);
  void make_due(FetchPartitionState& partition);
  void take_back();
  void end();

  std::int32_t id_;
  bool by_topic_id_;
  bool privileged_;
  bool gone_ = false;
  std::int32_t next_epoch_ = 1;
  Instant created_;
  Instant used_{};
  std::size_t cached_size_ = 0;
  std::uint64_t turns_ = 0;
  std::optional<FetchReader> reader_;
  WatchList changes_;
  Line due_;
  Line taken_;
  std::list<FetchPartitionState> partitions_;
  std::set<Member, ByKey> places_;
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

  using SessionRef = std::shared_ptr<FetchSession>;  // a fetch that waits holds it; it may be gone by then

  struct Found {
    SessionRef session = nullptr;  // null without an error: an empty session has been closed
    FetchSessionError error = FetchSessionError::none;
  };
  // For a request that is incremental (epoch > 0): finds the session, applies the changes, advances its epoch.
  [[nodiscard]] Found resume(std::int32_t id, std::int32_t epoch, bool by_topic_id, std::span<const FetchPartition> changed,
                             std::span<const FetchKey> forgotten, Instant now);
  // For a full request that wants a session: null if all slots are taken by sessions worth more. Followers are `privileged`:
  // theirs are worth more than any consumer's, and take a slot from one however young it is.
  [[nodiscard]] SessionRef open(bool by_topic_id, std::span<const FetchPartition> partitions, Instant now,
                                bool privileged = false);
  // Null if it has gone.
  [[nodiscard]] SessionRef find(std::int32_t id) const;
  void close(std::int32_t id);

  // When each follower last fetched in a session that holds the partition: by its id, or by name in a session of old.
  [[nodiscard]] std::vector<FollowerRound> rounds_of(const FetchKey& partition) const;

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
  std::map<std::int32_t, SessionRef> sessions_;
  std::set<std::tuple<Instant, std::int32_t>> by_use_;
  std::set<Worth> by_worth_;
  std::size_t partitions_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace squall::broker
