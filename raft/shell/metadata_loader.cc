#include "raft/shell/metadata_loader.h"

#include <algorithm>
#include <set>
#include <utility>

#include "raft/metadata/image_builder.h"
#include "raft/metadata/image_records.h"
#include "raft/metadata/record_version.h"
#include "raft/shell/log_follower.h"
#include "runtime/condition.h"
#include "runtime/wait_group.h"

namespace squall::raft {
namespace {

using Image = std::shared_ptr<const MetadataImage>;

// How often what is behind snapshots is looked at, as in Kafka's snapshot cleaner.
constexpr Duration clean_interval = std::chrono::seconds{60};

bool touches_brokers(const protocol::MetadataRecord& record) {
  if (const auto* config = std::get_if<protocol::ConfigRecord>(&record)) {
    return config->resource_type == static_cast<std::int8_t>(ConfigResource::broker);
  }
  return std::holds_alternative<protocol::RegisterBrokerRecord>(record) ||
         std::holds_alternative<protocol::UnregisterBrokerRecord>(record) ||
         std::holds_alternative<protocol::FenceBrokerRecord>(record) ||
         std::holds_alternative<protocol::UnfenceBrokerRecord>(record) ||
         std::holds_alternative<protocol::BrokerRegistrationChangeRecord>(record);
}

// A MetadataDelta as it grows: what it costs to add a batch is what the batch changed.
struct Change {
  std::set<std::string> topics;
  bool brokers = false;
  bool all = false;
};

void merge(Change& into, Change more) {
  into.topics.merge(more.topics);
  into.brokers = into.brokers || more.brokers;
  into.all = into.all || more.all;
}

}  // namespace

struct MetadataLoader::State {
  State(runtime::World& the_world, QuorumNode& the_quorum, MetadataLoaderOptions the_options)
      : world{the_world},
        quorum{the_quorum},
        options{std::move(the_options)},
        follower{the_quorum},
        replayed{std::make_shared<const MetadataImage>()},
        published{replayed},
        work{the_world},
        news{the_world},
        fibers{the_world} {}

  // The end of what was replayed, as a snapshot of it would be named.
  struct Position {
    OffsetAndEpoch id{};
    std::int64_t timestamp_ms = 0;
  };

  runtime::World& world;
  QuorumNode& quorum;
  MetadataLoaderOptions options;
  LogFollower follower;
  Image replayed;  // all that was read, with what an open transaction holds
  Change delta;    // of `replayed` against `ready`
  Image ready;     // the newest without an open transaction, if it is still to be published
  Change ready_delta;
  Image published;
  Position position;
  std::uint64_t bytes_since_snapshot = 0;
  Instant last_snapshot{};
  Instant next_clean{};
  std::uint64_t pokes = 0;
  bool stopped = false;
  bool failed = false;
  runtime::Condition work;
  runtime::Condition news;
  runtime::WaitGroup fibers;
  runtime::FiberId watch;

  void run();
  void catch_up();
  void take(LogFollower::LoadedSnapshot snapshot);
  [[nodiscard]] bool take(const CommittedBatch& batch);
  void note_replayed(Image image, Change change);
  void publish();
  [[nodiscard]] bool snapshot_due() const;
  void write_snapshot();
  void clean();
  void fail(std::string reason);
  void poke() {
    ++pokes;
    work.notify_all();
  }
  [[nodiscard]] bool ended() const { return stopped || failed; }
};

void MetadataLoader::State::run() {
  last_snapshot = world.now();
  next_clean = world.now() + clean_interval;
  while (!ended()) {
    const std::uint64_t seen = pokes;
    catch_up();
    if (!ended() && snapshot_due()) write_snapshot();
    if (!ended() && world.now() >= next_clean) clean();
    (void)work.wait_until(next_clean, [&] { return pokes != seen || ended(); });
  }
  news.notify_all();
}

void MetadataLoader::State::catch_up() {
  while (!ended()) {
    auto next = follower.next();
    if (stopped) return;
    if (!next) return fail(std::move(next.error()));
    if (std::holds_alternative<std::monostate>(*next)) return;
    if (auto* snapshot = std::get_if<LogFollower::LoadedSnapshot>(&*next)) {
      take(std::move(*snapshot));
    } else {
      std::uint64_t records = 0;
      for (const CommittedBatch& batch : std::get<std::vector<CommittedBatch>>(*next)) {
        if (!take(batch)) return;
        records += batch.records.size();
      }
      if (records > 0) world.charge(runtime::Cost::record, records);
    }
    publish();
    if (!ended() && snapshot_due()) write_snapshot();
  }
}

void MetadataLoader::State::take(LogFollower::LoadedSnapshot snapshot) {
  position = {.id = snapshot.id, .timestamp_ms = snapshot.last_timestamp_ms};
  bytes_since_snapshot = 0;
  last_snapshot = world.now();
  world.emit(runtime::EventName::metadata_loaded,
             {{"offset", snapshot.id.offset.value()}, {"epoch", snapshot.id.epoch.value()}});
  note_replayed(std::move(snapshot.image), {.topics = {}, .brokers = true, .all = true});
}

bool MetadataLoader::State::take(const CommittedBatch& batch) {
  ImageBuilder builder{*replayed};
  Change change;
  Offset offset = batch.base;
  for (const protocol::MetadataRecord& record : batch.records) {
    if (!builder.replay(record, offset)) {
      fail("the record at offset " + std::to_string(offset.value()) + " of the metadata log contradicts those before it");
      return false;
    }
    change.brokers = change.brokers || touches_brokers(record);
    // An aborted transaction takes back more than its last record names.
    change.all = change.all || std::holds_alternative<protocol::AbortTransactionRecord>(record);
    ++offset;
  }
  for (std::string& topic : builder.touched_topics()) change.topics.insert(std::move(topic));
  world.emit(runtime::EventName::metadata_replayed,
             {{"base", batch.base.value()}, {"end", batch.end.value()}, {"epoch", batch.epoch.value()}, {"crc", batch.crc}});
  position = {.id = {.epoch = batch.epoch, .offset = batch.end}, .timestamp_ms = batch.timestamp_ms};
  bytes_since_snapshot += batch.size_bytes;
  note_replayed(builder.finish(batch.end), std::move(change));
  return true;
}

void MetadataLoader::State::note_replayed(Image image, Change change) {
  replayed = std::move(image);
  merge(delta, std::move(change));
  if (replayed->before_transaction != nullptr) return;
  merge(ready_delta, std::exchange(delta, {}));
  ready = replayed;
}

void MetadataLoader::State::publish() {
  if (ready == nullptr) return;
  const Image image = std::exchange(ready, nullptr);
  Change change = std::exchange(ready_delta, {});
  MetadataDelta told{.topics = {}, .brokers = change.brokers, .all = change.all};
  while (!change.topics.empty()) told.topics.push_back(std::move(change.topics.extract(change.topics.begin()).value()));
  if (options.on_image) options.on_image(image, told);
  published = image;
  news.notify_all();
}

bool MetadataLoader::State::snapshot_due() const {
  if (bytes_since_snapshot == 0 || replayed->before_transaction != nullptr) return false;
  const bool by_time = options.snapshot_interval > Duration{0} && world.now() - last_snapshot >= options.snapshot_interval;
  return by_time || bytes_since_snapshot >= options.snapshot_bytes;
}

void MetadataLoader::State::write_snapshot() {
  const Image image = replayed;
  const auto newest = quorum.core().log().latest_snapshot();
  bytes_since_snapshot = 0;
  last_snapshot = world.now();
  if (newest && newest->id.offset >= position.id.offset) return;
  const VoterHistory& history = quorum.core().voter_history();
  SnapshotHead head{
      .voters = {}, .kraft_version = history.versions.at(position.id.offset).value, .last_timestamp_ms = position.timestamp_ms};
  if (head.kraft_version >= dynamic_voters_version) head.voters = *history.sets.at(position.id.offset).value;
  const auto created = quorum.log().create_snapshot(
      position.id, head, [&image](const MetadataLog::RecordVisitor& visit) { visit_records(*image, visit); },
      MetadataVersion::of(*image).level);
  if (stopped) return;
  if (!created) return fail(created.error());
  // Without room there is none this time: what it would have freed stays where it is.
  if (*created) quorum.tell(SnapshotCreated{**created});
  clean();
}

void MetadataLoader::State::clean() {
  next_clean = world.now() + clean_interval;
  const auto cleaned = quorum.log().clean(options.retention);
  if (stopped) return;
  if (!cleaned) return fail(cleaned.error());
  if (*cleaned) quorum.tell(**cleaned);
}

void MetadataLoader::State::fail(std::string reason) {
  if (failed) return;
  failed = true;
  news.notify_all();
  if (options.on_failure) options.on_failure(std::move(reason));
}

MetadataLoader::MetadataLoader(runtime::World& world, QuorumNode& quorum, MetadataLoaderOptions options)
    : state_{std::make_shared<State>(world, quorum, std::move(options))} {}

MetadataLoader::~MetadataLoader() {
  state_->stopped = true;
  state_->world.cancel(state_->watch);
  state_->news.notify_all();
  state_->poke();
}

void MetadataLoader::start() {
  const auto state = state_;
  state->fibers.add();
  state->world.spawn("metadata-loader", [state] {
    state->run();
    state->fibers.done();
  });
  // A fiber of its own, so that a stop never cuts the other one off in the middle of an image.
  state->watch = state->world.spawn("metadata-watch", [state] {
    while (!state->ended()) {
      const std::uint64_t seen = state->quorum.changes(QuorumNode::Change::committed);
      state->poke();
      (void)state->quorum.wait_for(QuorumNode::Change::committed, seen);
    }
  });
}

void MetadataLoader::stop() {
  const auto state = state_;
  if (!state->stopped) {
    state->stopped = true;
    state->world.cancel(state->watch);
    state->news.notify_all();
    state->poke();
  }
  state->fibers.wait();
}

const std::shared_ptr<const MetadataImage>& MetadataLoader::image() const { return state_->published; }

bool MetadataLoader::wait_until_published(Offset offset, Instant deadline) {
  const auto state = state_;
  (void)state->news.wait_until(deadline, [&] { return state->published->end_offset >= offset || state->ended(); });
  return state->published->end_offset >= offset;
}

bool MetadataLoader::wait_until_current(Instant deadline) {
  // An answer without news changes nothing that the quorum would tell of.
  constexpr Duration look_again = std::chrono::milliseconds{20};
  const auto state = state_;
  const Instant asked = state->world.now();
  for (;;) {
    const std::uint64_t seen = state->quorum.changes(QuorumNode::Change::any);
    const Instant now = state->world.now();
    const Quorum& core = state->quorum.core();
    if (core.committed_as_of(now) >= asked) return wait_until_published(core.high_watermark(), deadline);
    if (state->ended() || now >= deadline) return false;
    (void)state->quorum.wait_for(QuorumNode::Change::any, seen, std::min(deadline, now + look_again));
  }
}

std::int64_t MetadataLoader::lag() const {
  const Offset known = state_->quorum.core().high_watermark();
  return std::max<std::int64_t>(0, known - state_->published->end_offset);
}

}  // namespace squall::raft
