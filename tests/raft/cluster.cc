#include "tests/raft/cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace squall::raft::testing {
namespace {

constexpr std::int64_t snapshot_bytes = 30;  // of every snapshot, in pieces
constexpr std::int64_t snapshot_piece = 20;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15U + (hash << 6) + (hash >> 2);
  hash *= 0xbf58476d1ce4e5b9U;
  return hash ^ (hash >> 29);
}
std::uint64_t mix(std::uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return mix(hash, text.size());
}

ReplicaKey key_of(std::size_t index, std::int16_t version) {
  const auto id = static_cast<std::int32_t>(index + 1);
  return {NodeId{id}, version == static_voters_version ? Uuid{} : Uuid{0, static_cast<std::uint64_t>(100 + id)}};
}

std::size_t index_of(NodeId id) { return static_cast<std::size_t>(id.value() - 1); }

}  // namespace

Cluster::Cluster(const ClusterOptions& options) : options_{options}, memory_{std::make_shared<Memory>()} {
  std::vector<Voter> voters;
  for (std::size_t i = 0; i < options.voters; ++i) {
    voters.push_back({key_of(i, options.kraft_version), {{"c", "n", static_cast<std::uint16_t>(9000 + i)}}, {0, 1}});
  }
  for (std::size_t i = 0; i < options.voters + options.observers; ++i) {
    auto node = std::make_shared<Node>();
    node->config.local = key_of(i, dynamic_voters_version);
    node->config.endpoints = {{"c", "n", static_cast<std::uint16_t>(9000 + i)}};
    if (options.adjust) options.adjust(node->config);
    node->initial_voters = VoterSet{voters};
    node->initial_version = options.kraft_version;
    nodes_.push_back(std::move(node));
  }
}

Node& Cluster::change(std::size_t index) {
  auto& node = nodes_[index];
  if (node.use_count() > 1) node = std::make_shared<Node>(*node);
  node->digest = 0;
  return *node;
}

Memory& Cluster::change_memory() {
  if (memory_.use_count() > 1) memory_ = std::make_shared<Memory>(*memory_);
  return *memory_;
}

void Cluster::fail_check(std::string what) {
  if (!failure_) failure_ = std::move(what);
}

void Cluster::tell(std::string line) {
  if (!keep_story_) return;
  story_.push_back(std::move(line));
  if (story_.size() > 60) story_.erase(story_.begin());
}

std::string Cluster::story() const {
  std::string text;
  for (const std::string& line : story_) text += line + "\n";
  for (std::size_t i = 0; i < size(); ++i) text += fmt::format("node {}: {}\n", i + 1, up(i) ? quorum(i).describe() : "down");
  return text;
}

void Cluster::step(std::size_t index, const Event& event) {
  if (failure_ || !up(index)) return;
  Node& node = change(index);
  const Offset before = node.quorum->high_watermark();
  Effects effects = node.quorum->step(node.now, event);
  if (keep_story_) tell(fmt::format("{} <- {}\n{}", index + 1, to_text(event), to_text(effects)));
  apply(index, nullptr, std::move(effects));
  check(index, before);
}

void Cluster::tick(std::size_t index, Instant now) {
  Node& node = change(index);
  node.now = std::max(node.now, now);
  step(index, Tick{});
}

void Cluster::deliver(std::size_t position, bool again) {
  const auto message = bag_[position];
  if (!again) drop(position);
  if (failure_ || !up(message->to)) return;
  Node& node = change(message->to);
  const Offset before = node.quorum->high_watermark();
  Effects effects;
  Event event;
  if (message->request) {
    const RequestToken token{++node.last_token};
    node.asked[token.value()] = message;
    event = RequestReceived{token, *message->request};
  } else {
    if (message->asker_life != node.life) return;
    event = ResponseReceived{message->id, *message->response};
  }
  node.quorum->step(node.now, event, effects);
  if (keep_story_) tell(fmt::format("{} -> {}: {}\n{}", message->from + 1, message->to + 1, to_text(event), to_text(effects)));
  apply(message->to, message.get(), std::move(effects));
  check(message->to, before);
}

void Cluster::drop(std::size_t message) { bag_.erase(bag_.begin() + static_cast<std::ptrdiff_t>(message)); }

void Cluster::fail(std::size_t position) {
  const auto message = bag_[position];
  drop(position);
  const std::size_t asker = message->request ? message->from : message->to;
  if (up(asker) && nodes_[asker]->life == message->asker_life) step(asker, RequestFailed{message->id});
}

void Cluster::flush(std::size_t index) {
  if (failure_ || !up(index) || nodes_[index]->flushes.empty()) return;
  Node& node = change(index);
  const auto [flush, covers] = node.flushes.front();
  node.flushes.erase(node.flushes.begin());
  node.disk.flushed = std::max(node.disk.flushed, std::min(covers, node.disk.end()));
  step(index, Flushed{flush.epoch, flush.end});
}

void Cluster::snapshot_ready(std::size_t index) {
  if (failure_ || !up(index) || !nodes_[index]->finishing) return;
  Node& node = change(index);
  const FinishSnapshot finish = *node.finishing;
  node.finishing.reset();
  SnapshotReady ready{.epoch = finish.epoch, .id = finish.id, .voters = std::nullopt, .kraft_version = 0};
  if (node.fetched && node.fetched->snapshot.id == finish.id) {
    if (node.fetched->voters) ready.voters = *node.fetched->voters;
    ready.kraft_version = node.fetched->kraft_version;
  }
  step(index, ready);
}

void Cluster::propose(std::size_t index, std::int32_t count) {
  if (up(index)) step(index, Propose{ProposalId{static_cast<std::uint64_t>(++last_value_)}, quorum(index).epoch(), count});
}

void Cluster::crash(std::size_t index, std::size_t kept) {
  if (!up(index)) return;
  Node& node = change(index);
  tell(fmt::format("{} crashes", index + 1));
  ++node.life;
  node.quorum.reset();
  node.flushes.clear();
  node.fetched.reset();
  node.finishing.reset();
  node.asked.clear();
  Disk& disk = node.disk;
  Offset end = std::min(disk.end(), disk.flushed + static_cast<std::int64_t>(kept));
  // A torn batch is no batch.
  while (end > disk.flushed && disk.at(end - 1).batch_end != end) end = end - 1;
  disk.records.resize(static_cast<std::size_t>(end - disk.start));
  disk.flushed = end;
}

Restored Cluster::restore(Node& node) const {
  Disk& disk = node.disk;
  std::vector<EpochStart> epochs;
  std::vector<Snapshot> snapshots;
  VoterHistory voters{node.initial_voters, node.initial_version};
  for (const SnapshotFile& file : disk.snapshots) {
    snapshots.push_back(file.snapshot);
    if (file.voters) voters.sets.reset(file.snapshot.id.offset - 1, file.voters);
    voters.versions.reset(file.snapshot.id.offset - 1, file.kraft_version);
  }
  for (Offset offset = disk.start; offset < disk.end(); ++offset) {
    const LeaderEpoch epoch = disk.at(offset).epoch;
    if (epochs.empty() || epochs.back().epoch != epoch) epochs.push_back({epoch, offset});
  }
  LogIndex log{disk.start, disk.end(), std::move(epochs), std::move(snapshots)};
  if (log.start() != disk.start) {
    disk.records.clear();
    disk.start = disk.flushed = log.start();
  }
  const Offset covered = disk.snapshots.empty() ? Offset{0} : disk.snapshots.back().snapshot.id.offset;
  for (Offset offset = disk.start; offset < disk.end(); ++offset) {
    const Record& record = disk.at(offset);
    if (offset < covered) continue;
    if (record.voters) voters.sets.append(offset, record.voters);
    if (record.kraft_version) voters.versions.append(offset, *record.kraft_version);
  }
  return {disk.election, std::move(log), std::move(voters)};
}

void Cluster::start(std::size_t index) {
  if (failure_ || up(index)) return;
  Node& node = change(index);
  node.quorum.emplace(node.config, Random{options_.seed}.fork(fmt::format("{}/{}", index, node.life)), restore(node));
  Effects effects;
  node.quorum->start(node.now, effects);
  if (keep_story_) tell(fmt::format("{} starts\n{}", index + 1, to_text(effects)));
  apply(index, nullptr, std::move(effects));
  check(index, no_offset);
}

bool Cluster::snapshot(std::size_t index) {
  if (failure_ || !up(index)) return false;
  Node& node = change(index);
  Offset end = node.quorum->high_watermark();
  Disk& disk = node.disk;
  while (end > disk.start && disk.at(end - 1).batch_end != end) end = end - 1;
  if (end <= disk.start || end > disk.flushed) return false;
  if (!disk.snapshots.empty() && disk.snapshots.back().snapshot.id.offset >= end) return false;
  const VoterHistory& voters = node.quorum->voter_history();
  SnapshotFile file{.snapshot = {{disk.at(end - 1).epoch, end}, snapshot_bytes}, .voters = nullptr, .kraft_version = 0};
  if (voters.sets.at(end).offset != no_offset) file.voters = voters.sets.at(end).value;
  file.kraft_version = voters.versions.at(end).value;
  disk.snapshots.push_back(file);
  step(index, SnapshotCreated{file.snapshot});
  return true;
}

bool Cluster::clean(std::size_t index) {
  if (failure_ || !up(index)) return false;
  Node& node = change(index);
  Disk& disk = node.disk;
  if (disk.snapshots.empty() || disk.snapshots.back().snapshot.id.offset <= disk.start) return false;
  const Offset start = disk.snapshots.back().snapshot.id.offset;
  disk.records.erase(disk.records.begin(), disk.records.begin() + (start - disk.start));
  disk.start = start;
  disk.snapshots.erase(disk.snapshots.begin(), disk.snapshots.end() - 1);
  step(index, LogCleaned{start, start});
  return true;
}

void Cluster::ask(std::size_t index, RequestBody body) {
  if (failure_ || !up(index)) return;
  Node& node = change(index);
  step(index, RequestReceived{RequestToken{++node.last_token}, std::move(body)});
}

void Cluster::put(Message message) {
  std::uint64_t hash = mix(message.from * 16 + message.to, message.asker_life);
  hash = mix(hash, message.request ? to_text(*message.request) : to_text(*message.response));
  for (const Record& record : message.records)
    hash = mix(hash, static_cast<std::uint64_t>(record.value * 64 + record.epoch.value()));
  message.digest = hash;
  bag_.push_back(std::make_shared<const Message>(std::move(message)));
}

void Cluster::heal(std::size_t messages) {
  for (std::size_t i = 0; i < size(); ++i) start(i);
  for (std::size_t i = 0; i < messages && !failure_; ++i) {
    for (std::size_t n = 0; n < size(); ++n) {
      while (!failure_ && !nodes_[n]->flushes.empty()) flush(n);
      if (nodes_[n]->finishing) snapshot_ready(n);
    }
    if (!bag_.empty()) {
      deliver(0);
      continue;
    }
    Duration least = Duration::max();
    std::size_t first = 0;
    for (std::size_t n = 0; n < size(); ++n) {
      if (quorum(n).next_deadline() == end_of_time) continue;
      const Duration wait = std::max(Duration{0}, quorum(n).next_deadline() - nodes_[n]->now);
      if (wait < least) {
        least = wait;
        first = n;
      }
    }
    if (least == Duration::max()) return;
    for (std::size_t n = 0; n < size(); ++n) change(n).now += least;
    tick(first, nodes_[first]->now);
  }
}

void Cluster::digest_node(Node& node) const {
  std::uint64_t hash = mix(node.life, node.quorum ? node.quorum->describe() : "down");
  const Disk& disk = node.disk;
  if (disk.election) {
    hash = mix(hash, static_cast<std::uint64_t>(disk.election->epoch.value() * 64 + disk.election->leader.value() * 8 +
                                                disk.election->voted.id.value()));
  }
  hash = mix(hash, static_cast<std::uint64_t>(disk.flushed.value() * 1000 + disk.start.value()));
  for (const Record& record : disk.records)
    hash = mix(hash, static_cast<std::uint64_t>(record.value * 64 + record.epoch.value()));
  for (const SnapshotFile& file : disk.snapshots) hash = mix(hash, static_cast<std::uint64_t>(file.snapshot.id.offset.value()));
  for (const auto& [flush, covers] : node.flushes) {
    hash = mix(hash, static_cast<std::uint64_t>((flush.end.value() * 64 + flush.epoch.value()) * 1024 + covers.value()));
  }
  for (const auto& [token, message] : node.asked) hash = mix(hash, message->digest);
  node.digest = hash | 1;
}

std::pair<std::uint64_t, std::uint64_t> Cluster::digest() const {
  std::uint64_t first = 1;
  std::uint64_t second = 2;
  for (const auto& node : nodes_) {
    if (node->digest == 0) digest_node(*node);
    first = mix(first, node->digest);
    second = mix(second, node->digest * 3);
  }
  std::uint64_t sum = 0;
  std::uint64_t product = 1;
  for (const auto& message : bag_) {
    const std::size_t asker = message->request ? message->from : message->to;
    const bool live =
        up(asker) && nodes_[asker]->life == message->asker_life && quorum(asker).requests().in_flight(message->id);
    const std::uint64_t one = mix(message->digest, live ? 1U : 0U);
    sum += one;
    product *= one | 1;
  }
  first = mix(mix(first, sum), product);
  for (const auto& [epoch, leader] : memory_->leaders)
    second = mix(second, static_cast<std::uint64_t>(epoch.value()) * 16 + leader);
  for (const auto& [epoch, value] : memory_->committed)
    second = mix(second, static_cast<std::uint64_t>(epoch.value() * 4096 + value));
  return {first, mix(second, product)};
}

// ---- effects ----

void Cluster::apply(std::size_t index, const Message* cause, Effects effects) {
  Node& node = change(index);
  if (effects.fatal) fail_check(fmt::format("node {} gave up: {}", index + 1, *effects.fatal));
  if (effects.election) node.disk.election = effects.election;
  for (const LogOperation& operation : effects.log) {
    if (std::holds_alternative<InstallSnapshot>(operation) && tears_install(index)) return;
    apply_log(index, cause, operation);
  }
  for (OutboundRequest& request : effects.requests) {
    SQUALL_ASSERT(index_of(request.to) < size(), "requests go to nodes of the cluster");
    put({.from = index,
         .to = index_of(request.to),
         .asker_life = node.life,
         .id = request.id,
         .request = std::move(request.body),
         .response = std::nullopt,
         .records = {},
         .snapshot = std::nullopt});
  }
  for (OutboundResponse& response : effects.responses) respond(index, std::move(response));
}

// A crash between the two halves of an installation: the snapshot has its name, the log is as it was.
bool Cluster::tears_install(std::size_t index) {
  Node& node = change(index);
  const std::uint64_t installs = ++change_memory().snapshots_installed;
  if (options_.torn_installs == 0 || installs % options_.torn_installs != 0 || !node.fetched) return false;
  const Offset end = node.fetched->snapshot.id.offset;
  std::erase_if(node.disk.snapshots, [&](const SnapshotFile& file) { return file.snapshot.id.offset >= end; });
  node.disk.snapshots.push_back(*node.fetched);
  crash(index);
  return true;
}

void Cluster::append(std::size_t index, Record record) {
  Disk& disk = change(index).disk;
  const Offset offset = disk.end();
  if (options_.keep_written) {
    const LeaderEpoch before = disk.records.empty() ? no_epoch : disk.records.back().epoch;
    const auto [entry, is_new] = change_memory().written.try_emplace({offset, record.epoch}, record.value, before);
    const bool same_before = before == no_epoch || entry->second.second == no_epoch || entry->second.second == before;
    if (!is_new && (entry->second.first != record.value || !same_before)) {
      fail_check(fmt::format("log matching: offset {} of epoch {} differs on node {}", offset, record.epoch, index + 1));
    }
  }
  disk.records.push_back(std::move(record));
}

void Cluster::apply_log(std::size_t index, const Message* cause, const LogOperation& operation) {
  Node& node = change(index);
  Disk& disk = node.disk;
  std::visit(
      Overloaded{
          [&](const AppendEpochStart& one) {
            const Offset end = one.base + 1 + (one.kraft_version ? 1 : 0) + (one.voter_set ? 1 : 0);
            append(index, {.epoch = one.epoch, .value = 0, .voters = nullptr, .kraft_version = std::nullopt, .batch_end = end});
            if (one.kraft_version) append(index, {one.epoch, 0, nullptr, one.kraft_version, end});
            if (one.voter_set) append(index, {one.epoch, 0, one.voter_set, std::nullopt, end});
          },
          [&](const AppendProposal& one) {
            for (Offset offset = one.base; offset < one.end; ++offset) {
              append(index, {one.epoch, static_cast<std::int64_t>(one.id.value()), nullptr, std::nullopt, one.end});
            }
          },
          [&](const AppendVoters& one) {
            ++change_memory().voter_changes;
            const Offset end = one.base + 1 + (one.kraft_version ? 1 : 0);
            if (one.kraft_version) append(index, {one.epoch, 0, nullptr, one.kraft_version, end});
            append(index, {one.epoch, 0, one.voters, std::nullopt, end});
          },
          [&](const AppendFetched& one) {
            SQUALL_ASSERT(cause != nullptr && one.response == cause->id,
                          "fetched records are those of the response of the step");
            for (std::int64_t i = 0; i < one.end - one.base; ++i) append(index, cause->records[static_cast<std::size_t>(i)]);
          },
          [&](const Truncate& one) {
            ++change_memory().truncations;
            if (one.end < disk.start || one.end > disk.end()) return fail_check("a log is cut outside of itself");
            disk.records.resize(static_cast<std::size_t>(one.end - disk.start));
            disk.flushed = std::min(disk.flushed, one.end);
            for (PendingFlush& pending : node.flushes) pending.covers = std::min(pending.covers, one.end);
          },
          [&](const Flush& one) { node.flushes.push_back({one, one.end}); },
          [&](const WriteSnapshot& one) {
            SQUALL_ASSERT(cause != nullptr && cause->snapshot && cause->snapshot->snapshot.id == one.id,
                          "the snapshot of the response");
            node.fetched = cause->snapshot;
          },
          [&](const FinishSnapshot& one) { node.finishing = one; },
          [&](const InstallSnapshot& one) {
            if (!node.fetched || node.fetched->snapshot.id != one.id)
              return fail_check("a snapshot is installed that is not there");
            disk.records.clear();
            disk.start = disk.flushed = one.id.offset;
            node.flushes.clear();
            std::erase_if(disk.snapshots, [&](const SnapshotFile& file) { return file.snapshot.id.offset >= one.id.offset; });
            disk.snapshots.push_back(*node.fetched);
            node.fetched.reset();
          },
          [&](const DiscardSnapshot&) { node.fetched.reset(); },
      },
      operation);
}

void Cluster::respond(std::size_t index, OutboundResponse response) {
  Node& node = change(index);
  const auto asked = node.asked.find(response.token.value());
  if (asked == node.asked.end()) return;  // an operator's
  const auto request = asked->second;
  node.asked.erase(asked);
  Message message{.from = index,
                  .to = request->from,
                  .asker_life = request->asker_life,
                  .id = request->id,
                  .request = std::nullopt,
                  .response = std::nullopt,
                  .records = {},
                  .snapshot = std::nullopt};
  const Disk& disk = node.disk;
  if (auto* fetch = std::get_if<FetchResponse>(&response.body); fetch != nullptr && fetch->records_from != no_offset) {
    Offset offset = fetch->records_from;
    while (offset < fetch->records_end && offset - fetch->records_from < options_.fetch_records_max) {
      const Record& first = disk.at(offset);
      fetch->batches.push_back({offset, first.batch_end, first.epoch});
      for (; offset < first.batch_end; ++offset) {
        const Record& record = disk.at(offset);
        if (record.voters) fetch->changes.push_back({offset, record.voters});
        if (record.kraft_version) fetch->changes.push_back({offset, *record.kraft_version});
        message.records.push_back(record);
      }
    }
  }
  if (auto* piece = std::get_if<FetchSnapshotResponse>(&response.body); piece != nullptr && piece->error == ErrorCode::none) {
    piece->bytes = std::min(snapshot_piece, piece->size_bytes - piece->position);
    for (const SnapshotFile& file : disk.snapshots) {
      if (file.snapshot.id == piece->id) message.snapshot = file;
    }
  }
  message.response = std::move(response.body);
  put(std::move(message));
}

// ---- checks ----

void Cluster::check(std::size_t index, Offset high_watermark_before) {
  if (failure_ || !up(index)) return;
  const Node& node = *nodes_[index];
  const Quorum& quorum = *node.quorum;
  if (quorum.log().end() != node.disk.end() || quorum.log().start() != node.disk.start) {
    return fail_check(fmt::format("node {} believes in a log {}..{}", index + 1, quorum.log().start(), quorum.log().end()));
  }
  if (quorum.log().flushed_end() > node.disk.flushed && quorum.config().may_vote) {
    return fail_check(fmt::format("node {} believes more to be durable than is", index + 1));
  }
  if (quorum.next_deadline() <= node.now) return fail_check(fmt::format("node {} asks for a tick that is past", index + 1));
  if (quorum.high_watermark() < high_watermark_before) return fail_check("a high watermark fell");
  check_leader(index);
  for (Offset offset = std::max(high_watermark_before, node.disk.start); offset < quorum.high_watermark(); ++offset) {
    const auto position = static_cast<std::size_t>(offset.value());
    if (position >= memory_->committed.size()) return fail_check(fmt::format("node {} commits beyond the leader", index + 1));
    const Record& record = node.disk.at(offset);
    if (memory_->committed[position] != std::pair{record.epoch, record.value}) {
      return fail_check(fmt::format("node {} commits another record at {}", index + 1, offset));
    }
  }
  if (static_cast<std::size_t>(std::max(Offset{0}, node.disk.start).value()) > memory_->committed.size()) {
    fail_check(fmt::format("node {} freed what is not committed", index + 1));
  }
}

void Cluster::check_leader(std::size_t index) {
  const Node& node = *nodes_[index];
  const auto* leader = std::get_if<Leader>(&node.quorum->role());
  const LeaderEpoch epoch = node.quorum->epoch();
  const auto known = memory_->leaders.find(epoch);
  // A leader that removed itself commits that and resigns in one step.
  const bool led = known != memory_->leaders.end() && known->second == index;
  if (leader == nullptr && led) commit(index, node.quorum->high_watermark());
  if (leader == nullptr) return;
  if (known == memory_->leaders.end()) {
    Memory& memory = change_memory();
    memory.leaders[epoch] = index;
    ++memory.elections;
    if (static_cast<std::size_t>(node.disk.end().value()) < memory.committed.size()) {
      return fail_check(
          fmt::format("leader completeness: node {} leads epoch {} without all that is committed", index + 1, epoch));
    }
    for (Offset offset = node.disk.start; offset.value() < static_cast<std::int64_t>(memory.committed.size()); ++offset) {
      const Record& record = node.disk.at(offset);
      if (memory.committed[static_cast<std::size_t>(offset.value())] != std::pair{record.epoch, record.value}) {
        return fail_check(
            fmt::format("leader completeness: node {} leads epoch {} with another record at {}", index + 1, epoch, offset));
      }
    }
  } else if (known->second != index) {
    return fail_check(fmt::format("two leaders of epoch {}: nodes {} and {}", epoch, known->second + 1, index + 1));
  }
  if (leader->high_watermark != no_offset) commit(index, leader->high_watermark);
  int uncommitted = 0;
  for (Offset offset = std::max(node.disk.start, leader->high_watermark); offset < node.disk.end(); ++offset) {
    uncommitted += node.disk.at(offset).voters ? 1 : 0;
  }
  if (leader->high_watermark != no_offset && uncommitted > 1) fail_check("two changes of voters are uncommitted");
}

// The leader says that all below `end` is committed.
void Cluster::commit(std::size_t index, Offset end) {
  const auto known = static_cast<std::int64_t>(memory_->committed.size());
  if (end.value() <= known) return;
  const Node& node = *nodes_[index];
  Memory& memory = change_memory();
  for (Offset offset{known}; offset < end; ++offset) {
    const Record& record = node.disk.at(offset);
    memory.committed.emplace_back(record.epoch, record.value);
  }
  const LeaderEpoch last = node.disk.at(end - 1).epoch;
  std::size_t holders = 0;
  for (const Voter& voter : node.quorum->voters().voters()) {
    const Disk& disk = nodes_[index_of(voter.key.id)]->disk;
    const bool in_snapshot = disk.start >= end;
    if (in_snapshot || (disk.flushed >= end && disk.at(end - 1).epoch == last)) ++holders;
  }
  if (holders < node.quorum->voters().majority()) {
    fail_check(fmt::format("node {} commits up to {}, which only {} voters have on disk", index + 1, end, holders));
  }
}

}  // namespace squall::raft::testing
