#include "tools/squall/verify.h"

#include <fmt/format.h>

namespace squall::tools {
namespace {

std::uint64_t digest(const sim::TraceRecord& record) {
  std::uint64_t value = sim::combine(record.digest, static_cast<std::uint64_t>(record.at));
  value = sim::combine(value, record.a);
  value = sim::combine(value, record.b);
  return sim::combine(value, (static_cast<std::uint64_t>(record.node) << 8) | static_cast<std::uint64_t>(record.crossing));
}

std::string show(sim::Simulation& simulation, const sim::TraceRecord& record) {
  const std::string node = record.node < simulation.node_count() ? simulation.node(record.node).name() : "?";
  return sim::to_text(record, node);
}

}  // namespace

void TraceComparison::record_first(sim::Simulation& simulation) {
  simulation.trace().set_sink([this](const sim::TraceRecord& record) { first_.push_back(digest(record)); });
}

void TraceComparison::compare_second(sim::Simulation& simulation) {
  simulation.trace().set_sink([this, &simulation](const sim::TraceRecord& record) {
    const std::uint64_t at = seen_++;
    if (!different_.empty()) return;
    if (at < first_.size() && first_[at] == digest(record)) return;
    different_ = fmt::format("event {} differs: the second run had {}", at, show(simulation, record));
  });
}

std::string TraceComparison::difference() const {
  if (different_.empty() && seen_ < first_.size()) {
    return fmt::format("the second run ended after {} events, the first had {}", seen_, first_.size());
  }
  return different_;
}

}  // namespace squall::tools
