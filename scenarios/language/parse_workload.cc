#include <fmt/format.h>

#include <algorithm>

#include "scenarios/language/parse_internal.h"

namespace squall::scenarios {
namespace {

constexpr std::array<std::string_view, 3> acks{"all", "1", "0"};
constexpr std::array<std::string_view, 2> truths{"true", "false"};
constexpr std::array<std::string_view, 5> codecs{"none", "gzip", "snappy", "lz4", "zstd"};
constexpr std::array<std::string_view, 4> partitioning{"round-robin", "random", "key", "sticky"};
constexpr std::array<std::string_view, 2> starts{"earliest", "latest"};
constexpr std::array<std::string_view, 1> modes{"assign"};
constexpr std::array<std::string_view, admin_operation_count> operations{
    "create-topic", "delete-topic", "add-partitions", "delete-records", "alter-config",
    "describe",     "list-offsets", "reassign",       "elect-leader",   "recreate-topic"};

// As the producer of Kafka does: what is asked for in so many words is not taken back in silence.
void refuse_unordered(Section& section, const WorkloadSpec& produce) {
  if (!section.has("idempotence") || !produce.idempotence.is_fixed() || produce.idempotence.to_string() != "true") return;
  if (produce.acks.is_fixed() && produce.acks.to_string() != "all") section.fail("idempotence", "needs acks = \"all\"");
  if (produce.in_flight.least() > 5) section.fail("idempotence", "needs in_flight of at most 5");
}

void parse_produce(Section& section, WorkloadSpec& into) {
  section.read("rate", Unit::rate, into.rate, {1, INT64_MAX});
  section.read("acks", Unit::word, into.acks, {}, acks);
  section.read("idempotence", Unit::word, into.idempotence, {}, truths);
  section.read("compression", Unit::word, into.compression, {}, codecs);
  section.read("record_size", Unit::bytes, into.record_size, {40, 16 << 20});
  section.read("keys", Unit::count, into.keys, {0, INT64_MAX});
  section.read("partition", Unit::word, into.partition, {}, partitioning);
  section.read("batch_size", Unit::bytes, into.batch_size, {1, 64 << 20});
  section.read("linger", Unit::duration, into.linger, {0, INT64_MAX});
  section.read("in_flight", Unit::count, into.in_flight, {1, 1'000});
  refuse_unordered(section, into);
  section.read("headers", Unit::count, into.headers, {0, 1'000});
  section.read("request_timeout", Unit::duration, into.request_timeout, {1'000'000, INT64_MAX});
  section.read("delivery_timeout", Unit::duration, into.delivery_timeout, {1'000'000, INT64_MAX});
  section.read("records", Unit::count, into.records, {0, INT64_MAX});
}

void parse_consume(Section& section, WorkloadSpec& into) {
  if (section.has("group")) section.fail("group", "consumer groups are not simulated; consumers take partitions by themselves");
  static_cast<void>(section.value("mode", Unit::word, {}, modes));
  section.read("from", Unit::word, into.from, {}, starts);
  section.read("max_wait", Unit::duration, into.max_wait, {0, INT64_MAX});
  section.read("min_bytes", Unit::bytes, into.min_bytes, {0, INT32_MAX});
  section.read("max_bytes", Unit::bytes, into.max_bytes, {1, INT32_MAX});
  section.read("think", Unit::duration, into.think, {0, INT64_MAX});
  section.read("rewind", Unit::probability, into.rewind);
  section.read("request_timeout", Unit::duration, into.request_timeout, {1'000'000, INT64_MAX});
}

void parse_operations(Section& section, WorkloadSpec& into) {
  const toml::node* node = section.node("operations");
  if (node == nullptr) return section.fail("operations", "is missing: which operations, such as [\"create-topic\"]");
  const toml::array* array = node->as_array();
  if (array == nullptr || array->empty()) return section.fail("operations", "must be an array of operations");
  for (const toml::node& element : *array) {
    const std::string word = element.is_string() ? element.as_string()->get() : "";
    const auto found = std::ranges::find(operations, word);
    if (found == operations.end()) {
      section.errors().report(place_of(element), section.path_of("operations"),
                              fmt::format("\"{}\" is no operation{}", word, suggestion(word, operations)));
      return;
    }
    into.operations.push_back(static_cast<AdminOperation>(found - operations.begin()));
  }
}

void parse_admin(Section& section, WorkloadSpec& into) {
  section.read("rate", Unit::rate, into.rate, {1, INT64_MAX});
  section.read("topics", Unit::count, into.topics, {1, 1'000});
  section.read("request_timeout", Unit::duration, into.request_timeout, {1'000'000, INT64_MAX});
  parse_operations(section, into);
}

}  // namespace

std::span<const std::string_view> admin_operation_names() { return operations; }

WorkloadSpec parse_workload(Section section) {
  constexpr std::array<std::string_view, 3> kinds{"produce", "consume", "admin"};
  WorkloadSpec workload;
  workload.place = section.place();
  std::size_t found = 0;
  for (std::size_t at = 0; at < kinds.size(); ++at) {
    const auto topic = section.text(kinds[at]);
    if (!topic) continue;
    workload.kind = static_cast<WorkloadKind>(at);
    workload.topic = *topic;
    ++found;
  }
  if (found == 0) {
    section.fail("", "says not what it does: produce = \"topic\", consume = \"topic\" or admin = \"prefix\"");
  } else if (found > 1) {
    section.fail("", "does more than one thing; write a [[workload]] for each of produce, consume and admin");
  }
  workload.name =
      section.text("name").value_or(fmt::format("{} {}", kinds[static_cast<std::size_t>(workload.kind)], workload.topic));
  if (const toml::node* name = section.node("name")) workload.name_place = place_of(*name);
  section.read("clients", Unit::count, workload.clients, {1, 10'000});
  section.read("start", Unit::duration, workload.start, {0, INT64_MAX});
  section.read("stop", Unit::duration, workload.stop, {0, INT64_MAX});
  if (const toml::node* start = section.node("start")) workload.start_place = place_of(*start);
  if (const toml::node* stop = section.node("stop")) workload.stop_place = place_of(*stop);
  switch (workload.kind) {
    case WorkloadKind::produce: parse_produce(section, workload); break;
    case WorkloadKind::consume: parse_consume(section, workload); break;
    case WorkloadKind::admin: parse_admin(section, workload); break;
  }
  section.finish();
  return workload;
}

}  // namespace squall::scenarios
