#include "raft/shell/quorum_driver.h"

#include <algorithm>

#include "base/assert.h"
#include "protocol/record_batch.h"
#include "raft/quorum/control_records.h"
#include "runtime/deadline.h"

namespace squall::raft {
namespace {

// How often a full disk is tried again.
constexpr Duration full_disk_pause = std::chrono::milliseconds{100};

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

// The answer whose bytes the operation writes.
[[nodiscard]] RequestId written_by(const LogOperation& operation) {
  if (const auto* append = std::get_if<AppendFetched>(&operation)) return append->response;
  if (const auto* write = std::get_if<WriteSnapshot>(&operation)) return write->response;
  return no_request;
}

}  // namespace

QuorumNode::State::State(runtime::World& its_world, MetadataLog& its_log, QuorumNodeOptions its_options)
    : world{its_world},
      log{its_log},
      options{std::move(its_options)},
      core{options.quorum, its_world.fork_random("quorum"), its_log.restored()},
      work{its_world},
      time{its_world},
      wishes{its_world},
      leadership{its_world},
      commits{its_world},
      any{its_world},
      fibers{its_world} {}

// ---- steps ----

QuorumNode::State::Seen QuorumNode::State::look() const {
  return {.role = core.role().index(), .epoch = core.epoch(), .leader = core.leader(), .high_watermark = core.high_watermark()};
}

void QuorumNode::State::note(const Seen& before) {
  const Seen now = look();
  const bool led_anew = now.role != before.role || now.epoch != before.epoch || now.leader != before.leader;
  if (led_anew) {
    world.emit(runtime::EventName::quorum_role_changed, {{"role", std::string_view{role_name(core.role())}},
                                                         {"epoch", std::int64_t{now.epoch.value()}},
                                                         {"leader", std::int64_t{now.leader.value()}}});
  }
  if (core.next_deadline() < armed) time.notify_all();
  if (has_work()) work.notify_all();
  if (led_anew) {
    tell(Change::leadership);
  } else if (now != before) {
    tell(Change::any);
  }
}

bool QuorumNode::State::has_work() const {
  return pending.election || !pending.log.empty() || !pending.requests.empty() || !pending.responses.empty() ||
         core.high_watermark() > committed;
}

void QuorumNode::State::start_core() {
  const Seen before = look();
  core.start(world.now(), pending);
  started = true;
  committed = core.high_watermark();
  note(before);
}

void QuorumNode::State::step(const Event& event) {
  if (ended()) return;
  const Seen before = look();
  core.step(world.now(), event, pending);
  if (pending.fatal) return fail(*pending.fatal);
  note(before);
}

void QuorumNode::State::receive(PeerReply reply) {
  if (ended()) return;
  if (!reply.body) return step(RequestFailed{reply.id});
  const RequestId id = reply.id;
  const std::size_t first = pending.log.size();
  if (!reply.bytes.empty()) fetched[id] = {.storage = std::move(reply.storage), .bytes = reply.bytes};
  step(ResponseReceived{id, *std::move(reply.body)});
  const bool used = std::any_of(pending.log.begin() + static_cast<std::ptrdiff_t>(std::min(first, pending.log.size())),
                                pending.log.end(), [&](const LogOperation& one) { return written_by(one) == id; });
  if (!used) fetched.erase(id);
}

void QuorumNode::State::fail(std::string reason) {
  if (failed) return;
  failed = true;
  end();
  if (options.on_failure) options.on_failure(std::move(reason));
}

void QuorumNode::State::end() {
  stopping = true;
  pending = {};
  flush_wish.reset();
  for (const auto& [id, peer] : peers) peer->stop();
  for (const auto& [token, asker] : askers) asker->told.notify_all();
  work.notify_all();
  time.notify_all();
  wishes.notify_all();
  tell(Change::leadership);
}

// ---- the fibers ----

template <class Body>
void QuorumNode::State::start_fiber(std::string_view name, Body body) {
  struct Running {
    explicit Running(std::shared_ptr<State> its_state) : state{std::move(its_state)} { state->fibers.add(); }
    Running(Running&&) noexcept = default;
    Running& operator=(Running&&) = delete;
    ~Running() {
      if (state != nullptr) state->fibers.done();
    }
    std::shared_ptr<State> state;
  };
  world.spawn(name, [running = Running{shared_from_this()}, body] { (running.state.get()->*body)(); });
}

void QuorumNode::State::start_fibers() {
  start_fiber("quorum driver", &State::drive);
  start_fiber("quorum flusher", &State::keep_flushing);
  start_fiber("quorum timer", &State::keep_time);
}

void QuorumNode::State::drive() {
  while (!ended()) {
    if (!has_work()) {
      work.wait();
      continue;
    }
    // All that the high watermark covers is in the log, or among these operations.
    const Offset high_watermark = core.high_watermark();
    if (!carry_out(std::exchange(pending, {}), high_watermark)) return;
  }
}

void QuorumNode::State::keep_time() {
  while (!ended()) {
    armed = core.next_deadline();
    if (!runtime::has_passed(world, armed)) {
      (void)time.wait_until(armed);
      continue;
    }
    step(Tick{});
    world.yield();  // a tick that asks for the next one at once holds nobody up
  }
}

void QuorumNode::State::keep_flushing() {
  while (!ended()) {
    if (!flush_wish) {
      wishes.wait();
      continue;
    }
    const Flush wish = *std::exchange(flush_wish, std::nullopt);
    flushing = true;
    const auto durable = flush(wish.end);
    flushing = false;
    wishes.notify_all();
    if (ended()) return;
    if (!durable) return fail(durable.error());
    step(Flushed{wish.epoch, std::min(wish.end, *durable)});
  }
}

void QuorumNode::State::owe_recovery_point(Offset end) {
  if (owed) {
    owed->second = std::max(owed->second, end);
  } else {
    owed = {end, end};
  }
}

// With the recovery point if something below `end` is owed it; others would give a voter back what it lost.
MetadataLogResult<Offset> QuorumNode::State::flush(Offset end) {
  const bool alone = core.voters().is_only_voter(options.quorum.local);
  if (!alone) owed.reset();
  const bool now = owed && owed->first <= end;
  auto durable = log.flush(now ? MetadataLog::RecoveryPoint::now : MetadataLog::RecoveryPoint::soon);
  if (!now || !durable || !owed) return durable;
  if (owed->second <= *durable) {
    owed.reset();
  } else {
    owed->first = std::max(owed->first, *durable + 1);
  }
  return durable;
}

// ---- effects ----

bool QuorumNode::State::succeeded(const MetadataLogResult<void>& result) {
  if (!result) fail(result.error());
  return !ended();
}

bool QuorumNode::State::carry_out(Effects effects, Offset high_watermark) {
  if (effects.election && !store(*effects.election)) return false;
  if (!carry_out_log(effects.log)) return false;
  if (high_watermark > committed) {
    log.set_high_watermark(high_watermark);
    committed = high_watermark;
    tell(Change::committed);
  }
  for (OutboundRequest& request : effects.requests) send(std::move(request));
  for (OutboundResponse& response : effects.responses) answer(std::move(response));
  return !ended();
}

// Appends that follow each other are one write; of several Flush the last one stands for all.
bool QuorumNode::State::carry_out_log(std::vector<LogOperation>& operations) {
  const auto is_flush = [](const LogOperation& one) { return std::holds_alternative<Flush>(one); };
  const auto last_flush = std::find_if(operations.rbegin(), operations.rend(), is_flush);
  const LogOperation* const flush = last_flush == operations.rend() ? nullptr : &*last_flush;
  ByteBuffer gathered;
  for (const LogOperation& operation : operations) {
    if (is_flush(operation) && &operation != flush) continue;
    if (auto batches = batches_of(operation)) {
      if (gathered.empty()) {
        gathered = *std::move(batches);
      } else {
        gathered.insert(gathered.end(), batches->begin(), batches->end());
      }
      continue;
    }
    if (!append(std::exchange(gathered, {})) || !carry_out_one(operation)) return false;
  }
  return append(std::move(gathered));
}

bool QuorumNode::State::store(const ElectionState& election) {
  while (true) {
    const auto stored = log.store(election, core.kraft_version(), core.voters());
    if (!stored) fail(stored.error());
    if (ended()) return false;
    if (*stored) {
      note_room();
      return true;
    }
    wait_for_room();
  }
}

bool QuorumNode::State::append(ByteBuffer batches) {
  MutableBytes rest{batches};
  while (!rest.empty()) {
    const auto appended = log.append(rest);
    if (!appended) fail(appended.error());
    if (ended()) return false;
    rest = rest.subspan(*appended);
    if (!rest.empty()) wait_for_room();
  }
  note_room();
  return !ended();
}

void QuorumNode::State::note_room() {
  if (std::exchange(disk_full, false)) tell(Change::any);
}

// Nothing leaves the node meanwhile: others take it for dead, and elect another leader if it led.
void QuorumNode::State::wait_for_room() {
  if (!std::exchange(disk_full, true)) tell(Change::any);
  (void)work.wait_until(runtime::deadline_in(world, full_disk_pause), [&] { return ended(); });
}

std::optional<ByteBuffer> QuorumNode::State::batches_of(const LogOperation& operation) {
  const std::int64_t now_ms = to_ms(world.wall_now());
  if (const auto* start = std::get_if<AppendEpochStart>(&operation)) {
    return build_batch(*start, start->kraft_version.value_or(core.kraft_version()), now_ms);
  }
  if (const auto* voters = std::get_if<AppendVoters>(&operation)) {
    auto batch = build_batch(*voters, now_ms);
    owe_recovery_point(protocol::RecordBatchView{batch}.next_offset());
    return batch;
  }
  if (const auto* proposal = std::get_if<AppendProposal>(&operation)) {
    auto bytes = proposals.extract(proposal->id);
    SQUALL_ASSERT(!bytes.empty(), "the bytes of a proposal are kept until they are written");
    return std::move(bytes.mapped());
  }
  if (const auto* append = std::get_if<AppendFetched>(&operation)) return take_fetched(*append);
  return std::nullopt;
}

// The batches of [base, end): the core took the answer's first ones, perhaps not all.
ByteBuffer QuorumNode::State::take_fetched(const AppendFetched& append) {
  const auto bytes = fetched.extract(append.response);
  SQUALL_ASSERT(!bytes.empty(), "what was fetched is kept until it is written");
  protocol::BatchCursor cursor{bytes.mapped().bytes};
  protocol::RecordBatchView batch;
  ByteBuffer wanted;
  while (cursor.next(batch)) {
    if (batch.base_offset() < append.base || batch.base_offset() >= append.end) continue;
    wanted.insert(wanted.end(), batch.bytes().begin(), batch.bytes().end());
  }
  return wanted;
}

bool QuorumNode::State::carry_out_one(const LogOperation& operation) {
  return std::visit(Overloaded{
                        [&](const Flush& flush) {
                          flush_wish = flush;
                          wishes.notify_all();
                          return true;
                        },
                        [&](const WriteSnapshot& write) {
                          const auto bytes = fetched.extract(write.response);
                          SQUALL_ASSERT(!bytes.empty(), "what was fetched is kept until it is written");
                          return succeeded(log.write_part(write.id, write.position, bytes.mapped().bytes));
                        },
                        [&](const FinishSnapshot& finish) { return finish_snapshot(finish); },
                        [&](const DiscardSnapshot& discard) {
                          log.discard_part(discard.id);
                          return !ended();
                        },
                        [&](const auto&) { return replace_log(operation); },
                    },
                    operation);
}

// No sync is under way while the log is cut: what it would tell is of records that are no more.
bool QuorumNode::State::replace_log(const LogOperation& operation) {
  while (flushing && !ended()) wishes.wait();
  if (ended()) return false;
  if (const auto* cut = std::get_if<Truncate>(&operation)) return succeeded(log.truncate(cut->end));
  return succeeded(log.install(std::get<InstallSnapshot>(operation).id));
}

bool QuorumNode::State::finish_snapshot(const FinishSnapshot& finish) {
  auto head = log.finish_part(finish.id);
  if (ended()) return false;
  if (!head) {
    fail(head.error());
    return false;
  }
  step(SnapshotReady{
      .epoch = finish.epoch, .id = finish.id, .voters = std::move(head->voters), .kraft_version = head->kraft_version});
  return !ended();
}

std::optional<runtime::Endpoint> QuorumNode::State::endpoint_of(NodeId to) const {
  if (to < no_node) {
    const auto index = static_cast<std::size_t>(-2 - to.value());
    if (index >= options.bootstrap_servers.size()) return std::nullopt;
    return options.bootstrap_servers[index];
  }
  const Endpoints endpoints = core.endpoints_of(to);
  if (endpoints.empty()) return std::nullopt;
  return runtime::Endpoint{.host = endpoints.front().host, .port = endpoints.front().port};
}

Peer& QuorumNode::State::peer(NodeId to) {
  std::unique_ptr<Peer>& found = peers[to];
  if (found == nullptr) {
    PeerOptions how{.node = to < NodeId{0} ? no_node : to,
                    .client_id = "quorum-" + std::to_string(options.quorum.local.id.value()),
                    .cluster_id = options.cluster_id,
                    .listener = options.listener,
                    .request_timeout = options.quorum.request_timeout,
                    .fetch_wait_max = options.quorum.fetch_wait_max,
                    .fetch_bytes_max = options.fetch_bytes_max};
    const auto on_reply = [self = weak_from_this()](PeerReply reply) {
      if (const auto state = self.lock()) state->receive(std::move(reply));
    };
    found = std::make_unique<Peer>(world, std::move(how), on_reply);
  }
  return *found;
}

void QuorumNode::State::send(OutboundRequest request) {
  // The core may have given it up since, or asked the same peer for something else.
  if (ended() || !core.requests().in_flight(request.id)) return;
  const auto endpoint = endpoint_of(request.to);
  if (!endpoint) return step(RequestFailed{request.id});
  peer(request.to).send(std::move(request), *endpoint);
}

void QuorumNode::State::answer(OutboundResponse response) {
  const auto asker = askers.find(response.token);
  if (ended() || asker == askers.end()) return;  // nobody waits any more
  asker->second->answer = std::move(response.body);
  asker->second->told.notify_all();
}

}  // namespace squall::raft
