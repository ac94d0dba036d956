// The model's shell: it carries messages to the cores and their effects to the logs and the network.
#include <fmt/format.h>

#include "broker/replication/epoch_check.h"
#include "tests/broker/replication/model_cluster.h"

namespace squall::broker::model {

using protocol::ErrorCode;

void Cluster::on(const FetchMessage& message) {
  if (!reachable(message.to) || !reachable(message.from)) {
    node(message.from).fetching = node(message.from).fetching && node(message.from).life != message.life;
    return;
  }
  Node& at = node(message.to);
  FetchReply reply{.to = message.from, .life = message.life, .asked = 0, .answer = {}, .records = {}};
  reply.answer.tag = message.position.tag;
  LeaderState* leader = at.core->leader();
  const FollowerPosition& position = message.position;
  if (leader == nullptr) {
    reply.answer.error = ErrorCode::not_leader_or_follower;
  } else {
    reply.answer.error = leader->admit_fetch(message.from, position.tag.leader_epoch, message.broker_epoch);
  }
  if (reply.answer.error == ErrorCode::none) {
    const EpochEndOffset end = at.log.epoch_end(position.last_fetched_epoch);
    reply.answer.high_watermark = leader->high_watermark();
    reply.answer.log_start = Offset{0};
    switch (fit_of_fetch(position.tag.fetch_offset, position.last_fetched_epoch, end, Offset{0}, at.log.end())) {
      case FetchFit::out_of_range: reply.answer.error = ErrorCode::offset_out_of_range; break;
      case FetchFit::diverges: reply.answer.diverging = end; break;
      case FetchFit::fits: {
        const Offset upto = std::min(at.log.end(), position.tag.fetch_offset + random_.between(1, 4));
        for (Offset offset = position.tag.fetch_offset; offset < upto; ++offset) reply.records.push_back(at.log.at(offset));
        reply.answer.has_records = !reply.records.empty();
        const FollowerFetch fetch{.fetch_offset = position.tag.fetch_offset,
                                  .log_start = position.log_start,
                                  .broker_epoch = message.broker_epoch,
                                  .stated_high_watermark = position.high_watermark,
                                  .leader_end = at.log.end()};
        apply(at, leader->step(now_, ReplicaFetched{leader->leader_epoch(), message.from, fetch}));
      }
    }
  }
  network_.push_back(std::move(reply));
}

void Cluster::on(const FetchReply& message) {
  Node& at = node(message.to);
  if (!at.up || at.life != message.life) return;
  at.fetching = false;
  FollowerState* follower = at.core->follower();
  if (follower == nullptr || at.isolated) return;
  FetchAnswered answer = message.answer;
  if (answer.diverging) answer.own_epoch_end = at.log.epoch_end(answer.diverging->epoch);
  apply(at, follower->step(now_, answer), message.records);
}

void Cluster::on(const EndsMessage& message) {
  EndsReply reply{.to = message.from, .life = message.life, .found = {}};
  reply.found.tag = message.tag;
  const LeaderState* leader = reachable(message.to) ? node(message.to).core->leader() : nullptr;
  if (leader == nullptr || leader->leader_epoch() != message.tag.leader_epoch) {
    reply.found.error = ErrorCode::not_leader_or_follower;
  } else {
    reply.found.log_start = Offset{0};
    reply.found.log_end = node(message.to).log.end();
  }
  network_.push_back(reply);
}

void Cluster::on(const EndsReply& message) {
  Node& at = node(message.to);
  if (!at.up || at.life != message.life || at.core->follower() == nullptr) return;
  apply(at, at.core->follower()->step(now_, message.found), {});
}

void Cluster::on(const AlterMessage& message) {
  if (node(message.from).isolated) {
    AlterReply silence{.to = message.from, .life = message.life, .answer = {}};
    silence.answer.tag = message.ask.tag;
    silence.answer.error = ErrorCode::request_timed_out;
    network_.push_back(std::move(silence));
    return;
  }
  const std::size_t before = controller_.now().in_sync.size();
  // A broker is known by its registration: what an earlier life asked for is not heard.
  AlterReply reply{.to = message.from, .life = message.life, .answer = {}};
  if (node(message.from).life == message.life && node(message.from).up) {
    reply.answer = controller_.alter(message.from, message.ask);
  } else {
    reply.answer.tag = message.ask.tag;
    reply.answer.error = ErrorCode::stale_broker_epoch;
  }
  if (controller_.now().in_sync.size() > before) ++counts_.expands;
  if (controller_.now().in_sync.size() < before) ++counts_.shrinks;
  if (reply.answer.error != ErrorCode::none) ++counts_.refused_asks;
  network_.push_back(std::move(reply));
}

void Cluster::on(const AlterReply& message) {
  Node& at = node(message.to);
  if (!at.up || at.life != message.life || at.core->leader() == nullptr) return;
  apply(at, at.core->leader()->step(now_, message.answer));
}

void Cluster::apply(Node& at, const PartitionEffects& effects) {
  if (effects.begin_epoch) at.log.begin_epoch(effects.begin_epoch->epoch, effects.begin_epoch->start);
  if (effects.role == RoleChange::became_leader) {
    ++counts_.elections;
    const bool newest = at.core->leader()->leader_epoch() == controller_.now().leader_epoch;
    if (newest) check_acknowledged(at, "the new leader");
  }
  // Who has ceased to lead does not know what becomes of it.
  if (effects.role == RoleChange::became_follower || effects.role == RoleChange::left) give_up_waiting(at);
  apply(at, effects.leader);
  apply(at, effects.follower, {});
}

void Cluster::give_up_waiting(const Node& at) {
  std::erase_if(waiting_, [&](const auto& one) { return one.second.at == at.id; });
}

void Cluster::answer_waiting(const Node& at) {
  const LeaderState* leader = at.core->leader();
  if (leader == nullptr) return;
  std::erase_if(waiting_, [&](const auto& one) {
    const auto& [value, waiting] = one;
    const auto outcome = waiting.at == at.id ? leader->outcome(waiting.offset + 1) : std::nullopt;
    if (outcome == ErrorCode::none) {
      acknowledged_[waiting.offset] = value;
      ++counts_.acknowledged;
    }
    return outcome.has_value();
  });
}

void Cluster::apply(Node& at, const LeaderEffects& effects) {
  if (effects.high_watermark) at.log.high_watermark = *effects.high_watermark;
  answer_waiting(at);
  if (effects.ask) network_.push_back(AlterMessage{at.id, at.life, *effects.ask});
}

void Cluster::apply(Node& at, FollowerEffects effects, const std::vector<Record>& records) {
  if (effects.late) ++counts_.late;
  if (effects.high_watermark) at.log.high_watermark = *effects.high_watermark;
  if (effects.cuts_committed) fail(fmt::format("node {} cuts off what is committed", at.id));
  if (effects.find_leader_ends) {
    network_.push_back(EndsMessage{at.id, at.core->follower()->leader(), at.life, *effects.find_leader_ends});
  }
  if (!effects.order) return;
  if (effects.order->kind == LogOrderKind::append) {
    if (effects.order->offset != at.log.end()) return fail("records do not continue the log");
    for (const Record& record : records) at.log.append(record);
  } else {
    if (effects.order->offset < at.log.end()) ++counts_.truncations;
    at.log.truncate(effects.order->offset);
  }
  const LocalLog log = at.log.view();
  apply(at,
        at.core->follower()->step(now_, OrderDone{.tag = effects.order->tag,
                                                  .log_start = log.log_start,
                                                  .log_end = log.log_end,
                                                  .latest_epoch = log.latest_epoch}),
        {});
}

}  // namespace squall::broker::model
