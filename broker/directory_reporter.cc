#include "broker/directory_reporter.h"

#include <map>

#include "broker/broker_state.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

using Request = protocol::AssignReplicasToDirsRequest;

constexpr Duration patience = std::chrono::seconds{30};
constexpr Duration back_off = std::chrono::milliseconds{500};
constexpr std::size_t replicas_per_request_max = 2'250;  // as Kafka's

using Places = std::map<Uuid, std::map<Uuid, std::vector<std::int32_t>>>;  // directory, topic, partitions

Request request_of(const BrokerState& state, const Places& places) {
  Request request;
  request.broker_id = state.config.node_id.value();
  request.broker_epoch = state.lifecycle->broker_epoch();
  for (const auto& [directory, topics] : places) {
    auto& told = request.directories.emplace_back();
    told.id = directory;
    for (const auto& [topic, partitions] : topics) {
      auto& one = told.topics.emplace_back();
      one.topic_id = topic;
      for (const std::int32_t partition : partitions) one.partitions.push_back({partition});
    }
  }
  return request;
}

}  // namespace

DirectoryReporter::DirectoryReporter(BrokerState& state) : state_{state}, news_{state.world}, gate_{state.world} {}

void DirectoryReporter::start() {
  several_ = state_.logs->dirs().size() > 1;
  everything_is_news();
  auto inside = gate_.enter();
  if (!inside) return;
  // Left before the reporter goes.
  struct Life {
    std::shared_ptr<BrokerState> state;
    runtime::Gate::Inside inside;
  };
  state_.world.spawn("directory-reporter", [life = Life{state_.shared_from_this(), std::move(*inside)}, this] { run(); });
}

void DirectoryReporter::stop() {
  stopped_ = true;
  news_.notify_all();
}

void DirectoryReporter::metadata_changed(const raft::MetadataDelta& change) {
  if (change.all) everything_is_news();
  if (several_) topics_.insert(change.topics.begin(), change.topics.end());
  if (!topics_.empty()) news_.notify_all();
}

void DirectoryReporter::everything_is_news() {
  for (const auto& [name, topic] : state_.image()->topics) topics_.insert(name);
}

void DirectoryReporter::tell_failed() {
  if (state_.lifecycle == nullptr || stopped_) return;
  std::vector<Uuid> failed;
  for (const log::LogDirInfo& dir : state_.logs->dirs()) {
    if (!dir.online) failed.push_back(dir.directory_id);
  }
  state_.lifecycle->set_offline_log_dirs(std::move(failed));
  if (!several_) return;
  everything_is_news();
  news_.notify_all();
}

Request DirectoryReporter::next_request(std::set<std::string>& topics) {
  Places places;
  std::size_t count = 0;
  while (!topics_.empty() && count < replicas_per_request_max) {
    const std::string name = *topics_.begin();
    topics_.erase(topics_.begin());
    const auto topic = state_.image()->find(name);
    if (topic == nullptr) continue;
    const std::size_t before = count;
    for (std::size_t i = 0; i < topic->partitions.size() && count < replicas_per_request_max; ++i) {
      const auto index = static_cast<std::int32_t>(i);
      const PartitionRef& partition = state_.partitions->find(topic->id, index);
      const auto known = topic->partitions[i].directory_of(state_.config.node_id);
      if (partition == nullptr || !known || partition->directory().is_zero() || partition->directory() == *known) continue;
      if (known->is_zero() && !several_) continue;
      places[partition->directory()][topic->id].push_back(index);
      ++count;
    }
    if (count == before) continue;
    topics.insert(name);
    if (count == replicas_per_request_max) topics_.insert(name);
  }
  return request_of(state_, places);
}

void DirectoryReporter::run() {
  while (!stopped_) {
    news_.wait([this] { return stopped_ || !topics_.empty(); });
    if (stopped_) return;
    std::set<std::string> topics;
    const Request request = next_request(topics);
    if (request.directories.empty()) continue;
    const auto answer = state_.controller_channel->ask(request, runtime::deadline_in(state_.world, patience));
    if (answer && answer->error_code == 0) continue;
    topics_.merge(topics);
    (void)news_.wait_until(runtime::deadline_in(state_.world, back_off), [this] { return stopped_; });
  }
}

}  // namespace squall::broker
