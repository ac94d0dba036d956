// What may happen to the model cluster.
#include "tests/broker/replication/model_cluster.h"

#include <fmt/format.h>

namespace squall::broker::model {
namespace {

std::vector<NodeId> first(std::int32_t count) {
  std::vector<NodeId> ids;
  for (std::int32_t id = 0; id < count; ++id) ids.push_back(NodeId{id});
  return ids;
}

}  // namespace

Cluster::Cluster(std::uint64_t seed, std::int32_t nodes, std::int32_t min_in_sync)
    : random_{seed}, controller_{first(std::min(nodes, 3))} {
  config_.lag_max = std::chrono::seconds{2};
  config_.min_in_sync = min_in_sync;
  config_.fetch_backoff = std::chrono::milliseconds{100};
  for (const NodeId id : first(nodes)) {
    nodes_.emplace_back();
    nodes_.back().id = id;
  }
  for (Node& node : nodes_) start(node);
  for (Node& node : nodes_) controller_.unfence(node.id);
}

void Cluster::fail(std::string what) {
  if (failure_.empty()) failure_ = fmt::format("at {} ms: {}", to_ms(now_.time_since_epoch()), what);
}

void Cluster::start(Node& at) {
  // Its registration takes it out of the ISR. Whoever has lost its tail goes first: that a good copy leaves an ISR of bad ones
  // is what eligible leader replicas are for (KIP-966), and this controller has none.
  if (would_take_last_copy(at) && controller_.now().in_sync.size() > 1) {
    for (Node& other : nodes_) {
      if (other.lost_tail && !other.up) start(other);
    }
  }
  at.up = true;
  ++at.life;
  at.fetching = false;
  at.core.emplace(at.id, config_);
  at.led_epoch = no_epoch;
  at.broker_epoch = controller_.register_broker(at.id);
  at.lost_tail = false;
  // A node that starts acts on no metadata that is older than its own registration.
  at.registered = controller_.versions().size();
  at.seen = at.registered - 1;
  see_metadata(at, false);
}

// The last good copy: what the ISR stands for is held by nobody else.
bool Cluster::would_take_last_copy(const Node& at) const {
  for (const NodeId id : controller_.now().in_sync) {
    const Node& other = nodes_[static_cast<std::size_t>(id.value())];
    if (id != at.id && !other.lost_tail) return false;
  }
  return contains(controller_.now().in_sync, at.id);
}

void Cluster::stop(Node& at, bool power) {
  if (power && would_take_last_copy(at)) power = false;
  at.up = false;
  give_up_waiting(at);
  at.core.reset();
  at.checked = Offset{0};
  if (power) {
    at.log.lose_power(random_);
    at.lost_tail = true;
    ++counts_.power_cuts;
  }
  at.log.forget_high_watermark(random_);
}

void Cluster::see_metadata(Node& at, bool all) {
  const std::size_t last = controller_.versions().size();
  if (at.seen >= last || !at.up) return;
  // Several changes are often seen as one.
  const auto skip =
      all ? last - at.seen : static_cast<std::size_t>(random_.between(1, static_cast<std::int64_t>(last - at.seen)));
  at.seen += skip;
  const Metadata& metadata = controller_.versions()[at.seen - 1];
  const PartitionEffects effects =
      at.core->step(now_, {.registration = metadata.registration, .brokers = metadata.brokers, .log = at.log.view()});
  apply(at, effects);
  if (effects.role != RoleChange::none) at.fetching = false;
}

void Cluster::produce(Node& at) {
  LeaderState* leader = at.up ? at.core->leader() : nullptr;
  if (leader == nullptr) return;
  const bool all = random_.chance(3, 4);
  if (leader->admit_produce(all ? -1 : 1) != protocol::ErrorCode::none) {
    ++counts_.under_min;
    return;
  }
  const std::uint64_t value = next_value_++;
  const Offset offset = at.log.end();
  at.log.append({leader->leader_epoch(), value});
  ++counts_.produced;
  if (all) waiting_[value] = {at.id, offset};
  apply(at, leader->step(now_, LocalLogMoved{leader->leader_epoch(), at.log.view()}));
}

void Cluster::send_fetch(Node& from) {
  FollowerState* follower = from.up ? from.core->follower() : nullptr;
  if (follower == nullptr || from.fetching) return;
  const auto position = follower->position();
  if (!position || position->ready_at > now_) return;
  from.fetching = true;
  network_.push_back(FetchMessage{from.id, follower->leader(), from.life, from.broker_epoch, *position});
}

void Cluster::deliver(std::size_t index) {
  Message message = std::move(network_[index]);
  network_[index] = std::move(network_.back());
  network_.pop_back();
  std::visit([&](const auto& one) { on(one); }, message);
}

// An ask that is lost is known to be lost only by its silence; a fetch that is given up may still arrive later.
void Cluster::lose(std::size_t index) {
  const Message& message = network_[index];
  if (const auto* fetch = std::get_if<FetchMessage>(&message)) node(fetch->from).fetching = false;
  if (const auto* reply = std::get_if<FetchReply>(&message)) node(reply->to).fetching = false;
  const bool fetching = std::holds_alternative<FetchMessage>(message) || std::holds_alternative<FetchReply>(message);
  const bool only_late = random_.chance(1, 2);
  if (fetching && only_late) return;
  const Message gone = message;
  // What the controller is asked may reach it after a later sending did.
  if (!only_late || !std::holds_alternative<AlterMessage>(message)) {
    network_[index] = std::move(network_.back());
    network_.pop_back();
  }
  AlterPartitionAnswered silence;
  silence.error = protocol::ErrorCode::request_timed_out;
  if (const auto* ask = std::get_if<AlterMessage>(&gone)) {
    silence.tag = ask->ask.tag;
    on(AlterReply{ask->from, ask->life, silence});
  } else if (const auto* answer = std::get_if<AlterReply>(&gone)) {
    silence.tag = answer->answer.tag;
    on(AlterReply{answer->to, answer->life, silence});
  } else if (const auto* ends = std::get_if<EndsMessage>(&gone)) {
    LeaderEndsFound found;
    found.tag = ends->tag;
    found.error = protocol::ErrorCode::request_timed_out;
    on(EndsReply{ends->from, ends->life, found});
  } else if (const auto* ends_reply = std::get_if<EndsReply>(&gone)) {
    LeaderEndsFound found = ends_reply->found;
    found.error = protocol::ErrorCode::request_timed_out;
    on(EndsReply{ends_reply->to, ends_reply->life, found});
  }
}

void Cluster::background(Node& at) {
  if (!at.up) return;
  if (random_.chance(1, 3)) at.log.flush();
  LeaderState* leader = at.core->leader();
  if (leader == nullptr) return;
  if (random_.chance(1, 2)) apply(at, leader->step(now_, IsrCheck{}));
  if (leader->next_deadline() <= now_) apply(at, leader->step(now_, Tick{}));
}

void Cluster::fence(Node& at) {
  const bool bad_ones_stay = would_take_last_copy(at) && !at.lost_tail && controller_.now().in_sync.size() > 1;
  if (controller_.standing(at.id).fenced || bad_ones_stay) return;
  controller_.fence(at.id);
}

void Cluster::move() {
  const auto chosen = random_.below(nodes_.size());
  if (nodes_.size() <= 3 || controller_.reassigning() || random_.chance(3, 4)) return controller_.prefer(nodes_[chosen].id);
  std::vector<NodeId> targets;
  for (const Node& one : nodes_) {
    if (one.id != nodes_[chosen].id) targets.push_back(one.id);
  }
  controller_.reassign(targets);
  ++counts_.reassignments;
}

// Repairs are likelier than faults, so that most of the time there is something to break.
void Cluster::disturb() {
  Node& at = any();
  const auto draw = random_.below(18);
  if (draw < 2) {
    if (at.up) stop(at, random_.chance(1, 2));
  } else if (draw < 6) {
    if (!at.up) start(at);
  } else if (draw < 7) {
    fence(at);
  } else if (draw < 11) {
    for (const Node& one : nodes_) {
      if (one.up && controller_.standing(one.id).fenced && one.seen >= one.registered) controller_.unfence(one.id);
    }
  } else if (draw < 12) {
    at.isolated = true;
  } else if (draw < 14) {
    at.isolated = false;
  } else {
    move();
  }
}

bool Cluster::step() {
  now_ += random_.between(Duration{0}, Duration{std::chrono::milliseconds{5}});
  const auto draw = random_.below(200);
  const auto pick = network_.empty() ? 0 : random_.below(network_.size());
  if (draw < 90) {
    if (!network_.empty()) deliver(pick);
  } else if (draw < 115) {
    const NodeId leader = controller_.now().leader;
    produce(leader == no_node || random_.chance(1, 4) ? any() : node(leader));
  } else if (draw < 155) {
    send_fetch(any());
  } else if (draw < 172) {
    Node& at = any();
    if (!at.isolated) see_metadata(at, false);
  } else if (draw < 184) {
    background(any());
  } else if (draw < 194) {
    if (!network_.empty()) lose(pick);
  } else if (draw < 195) {
    now_ += random_.between(Duration{0}, config_.lag_max);
  } else {
    disturb();
  }
  check();
  return failure_.empty();
}

bool Cluster::heal() {
  for (Node& at : nodes_) {
    at.isolated = false;
    if (!at.up) start(at);
  }
  for (int round = 0; round < 3000 && failure_.empty(); ++round) {
    now_ += std::chrono::milliseconds{10};
    for (Node& at : nodes_) {
      see_metadata(at, true);
      if (controller_.standing(at.id).fenced) controller_.unfence(at.id);
      send_fetch(at);
      background(at);
    }
    for (std::size_t left = network_.size(); left > 0 && !network_.empty(); --left) deliver(random_.below(network_.size()));
    check();
    if (whole()) return true;
  }
  fail("the partition is not whole again");
  return false;
}

}  // namespace squall::broker::model
