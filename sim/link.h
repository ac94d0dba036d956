// One direction between two nodes: what it costs and what is wrong with it.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"
#include "sim/ledger.h"
#include "sim/throttle.h"

namespace squall::sim {

enum class PartitionKind : std::uint8_t {
  none,
  black_hole,  // nothing passes and nothing is told; what was sent arrives after the heal, by retransmission
  refuse,      // connections are reset, new ones refused
};

struct Link {
  Link(Random stream, Duration base, Duration mean_jitter)
      : latency{base}, jitter{mean_jitter}, usual_latency{base}, usual_jitter{mean_jitter}, random{stream} {}

  Duration latency;  // one way
  Duration jitter;   // mean of the exponential part on top, drawn per segment
  Duration usual_latency;
  Duration usual_jitter;
  Throttle bandwidth;
  std::uint32_t loss_per_million = 0;
  std::uint32_t reset_per_million = 0;
  PartitionKind partition = PartitionKind::none;
  bool clogged = false;
  std::uint64_t partition_serial = 0;  // raised by each change, so that a scheduled one can tell that it is late
  std::uint64_t clog_serial = 0;
  FaultId partition_fault = 0;
  FaultId clog_fault = 0;
  FaultId loss_fault = 0;
  FaultId reset_fault = 0;
  FaultId bandwidth_fault = 0;
  FaultId latency_fault = 0;
  Random random;

  // Nothing passes now.
  [[nodiscard]] bool blocked() const { return partition != PartitionKind::none || clogged; }
  [[nodiscard]] FaultId blocking_fault() const { return partition != PartitionKind::none ? partition_fault : clog_fault; }
  [[nodiscard]] Duration draw_latency() { return jitter == Duration{} ? latency : latency + random.exponential(jitter); }
};

}  // namespace squall::sim
