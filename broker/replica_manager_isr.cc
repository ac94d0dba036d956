// What leaders ask of the controller, and the clock of their ISR checks.
#include <algorithm>
#include <utility>

#include "broker/replica_manager.h"
#include "runtime/deadline.h"

namespace squall::broker {

using protocol::ErrorCode;

void ReplicaManager::watch_isrs() {
  if (asker_ || stopping_ || options_.controller == nullptr) return;
  asker_ = spawn("alter-partition", [this] { alter_partitions(); });
  (void)spawn("isr-check", [this] { check_isrs(); });
}

void ReplicaManager::check_isrs() {
  while (!stopping_) {
    const Instant next = runtime::deadline_in(world_, isr_check_interval(options_.replication));
    while (!stopping_ && checks_.wait(next) != runtime::Wake::deadline) {
    }
    std::vector<PartitionRef> led;
    for (const auto& [key, partition] : led_) {
      if (partition->needs_isr_check()) led.push_back(partition);
    }
    for (const PartitionRef& partition : led) partition->check_isr(options_.rounds_of(*partition));
  }
}

void ReplicaManager::ask_controller(Partition& partition, const AlterPartitionAsk& ask) {
  if (options_.controller == nullptr || stopping_) return;
  asks_.insert_or_assign(partition.key(), Asked{partition.shared_from_this(), ask});
  if (started_) watch_isrs();
  (void)asked_.wake_one();
}

// What is asked while a request is under way goes with the next.
void ReplicaManager::alter_partitions() {
  while (!stopping_) {
    tick_due();
    if (asks_.empty()) {
      Instant next = end_of_time;
      for (const auto& [key, at] : retries_) next = std::min(next, at);
      (void)asked_.wait(next);
      continue;
    }
    const Asks asks = std::exchange(asks_, {});
    answer(asks, options_.controller->send(request_of(asks), runtime::deadline_in(world_, options_.alter_timeout)));
  }
}

void ReplicaManager::tick_due() {
  const Instant now = world_.now();
  std::vector<ReplicaKey> due;
  for (const auto& [key, at] : retries_) {
    if (at <= now) due.push_back(key);
  }
  for (const ReplicaKey& key : due) {
    retries_.erase(key);
    if (const auto at = led_.find(key); at != led_.end()) at->second->tick();
  }
}

protocol::AlterPartitionRequest ReplicaManager::request_of(const Asks& asks) const {
  protocol::AlterPartitionRequest request;
  request.broker_id = options_.self.value();
  request.broker_epoch = options_.broker_epoch().value();
  for (const auto& [key, asked] : asks) {
    if (request.topics.empty() || request.topics.back().topic_id != key.topic_id) {
      request.topics.emplace_back().topic_id = key.topic_id;
    }
    request.topics.back().partitions.push_back(alter_request_of(asked.ask, key.partition));
  }
  return request;
}

void ReplicaManager::answer(const Asks& asks, const client::Result<protocol::AlterPartitionResponse>& response) {
  using Data = protocol::AlterPartitionResponse::PartitionData;
  std::map<ReplicaKey, const Data*> answers;
  const ErrorCode of_all = response ? protocol::error_from_wire(response->error_code) : ErrorCode::request_timed_out;
  if (of_all == ErrorCode::none) {
    for (const auto& topic : response->topics) {
      for (const Data& data : topic.partitions) answers[{topic.topic_id, PartitionIndex{data.partition_index}}] = &data;
    }
  }
  for (const auto& [key, asked] : asks) {
    AlterPartitionAnswered answered;
    answered.tag = asked.ask.tag;
    answered.error = of_all == ErrorCode::none ? ErrorCode::request_timed_out : of_all;
    if (const auto at = answers.find(key); at != answers.end()) answered = alter_answer_of(*at->second, asked.ask.tag);
    asked.partition->alter_answered(answered);
    const LeaderState* leader = asked.partition->core().leader();
    if (leader != nullptr && leader->next_deadline() != end_of_time) retries_[key] = leader->next_deadline();
  }
}

}  // namespace squall::broker
