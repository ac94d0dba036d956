// DescribeLogDirs: what lies in each log directory.
#include <algorithm>

#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "protocol/messages/describe_log_dirs.h"
#include "raft/metadata/metadata_topic.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using Result = protocol::DescribeLogDirsResponse::DescribeLogDirsResult;

bool is_wanted(const protocol::DescribeLogDirsRequest& request, const log::TopicPartition& name) {
  if (!request.topics) return true;
  return std::ranges::any_of(*request.topics, [&](const auto& topic) {
    return topic.topic == name.topic && std::ranges::find(topic.partitions, name.partition.value()) != topic.partitions.end();
  });
}

void describe(const protocol::DescribeLogDirsRequest& request, const log::LogDirInfo& dir, Result& result) {
  for (const auto& log : dir.logs) {
    const log::TopicPartition& name = log->partition();
    if (name.topic == raft::metadata_topic_name || !is_wanted(request, name)) continue;
    if (result.topics.empty() || result.topics.back().name != name.topic) result.topics.emplace_back().name = name.topic;
    auto& partition = result.topics.back().partitions.emplace_back();
    partition.partition_index = name.partition.value();
    partition.partition_size = static_cast<std::int64_t>(log->size_bytes());
    partition.offset_lag = std::max<std::int64_t>(log->high_watermark() - log->log_end_offset(), 0);
  }
}

Disposition handle(RequestContext& context) {
  protocol::DescribeLogDirsRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  protocol::DescribeLogDirsResponse response;
  for (const log::LogDirInfo& dir : context.broker.logs->dirs()) {
    Result& result = response.results.emplace_back();
    result.log_dir = dir.path;
    result.total_bytes = -1;
    result.usable_bytes = -1;
    if (!dir.online) {
      result.error_code = wire(ErrorCode::kafka_storage_error);
      continue;
    }
    describe(request, dir, result);
    if (const auto space = context.broker.world.space(dir.path)) {
      result.total_bytes = static_cast<std::int64_t>(space->total_bytes);
      result.usable_bytes = static_cast<std::int64_t>(space->usable_bytes);
    }
  }
  return context.answer(response);
}

}  // namespace

const ApiHandler describe_log_dirs_handler{.key = 35, .min = 1, .max = 4, .advertised_min = 1, .handle = &handle};

}  // namespace squall::broker
