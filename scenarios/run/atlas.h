// The fault atlas: which acknowledged records a fault may cost, given what the flush policy promises.
//
// With one replica each record has one home, so a fault that destroys it asks for the impossible unless the checks know. What
// is still demanded:
//   crash, restart, pause, …      everything: the page cache survives.
//   power cut                     what the policy promised to have flushed:
//                                   flush.messages = 1   all that was acknowledged
//                                   flush.messages = n   all but the last n - 1 of each partition
//                                   flush.ms = t         what was acknowledged t, plus the flush scheduler's period, before
//                                   neither              nothing
//   failed sync                   as at a power cut, for the page cache may forget what such a sync should have saved. The
//   broker
//                                 starts again on the same machine: its recovery must not trust what the page cache shows
//   bit rot, phantom writes, …    nothing of what is stored, but damage must be detected, not served
//   wiped disk                    nothing
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "scenarios/checks/check_set.h"
#include "scenarios/run/plan.h"

namespace squall::scenarios {

struct FlushPolicy {
  std::optional<std::int64_t> messages;
  std::optional<Duration> interval;
};

class Atlas {
 public:
  Atlas(const Plan& plan, CheckSet& checks) : plan_{plan}, checks_{checks} {}

  [[nodiscard]] FlushPolicy policy_of(std::string_view topic) const;
  // The offset below which `partition` must survive a power cut at `now`.
  [[nodiscard]] std::int64_t promised(const PartitionHistory& partition, Instant now) const;

  // A fault of this harm strikes the broker now. What it may cost is excused until `recovered`.
  void struck(Harm harm, Instant now);
  // The broker serves again.
  void recovered(Instant now);
  // Flushes may be late from now until `until`: the disk or the processor is slow, or stands still.
  void slowed(Instant now, Instant until);
  // Syncs failed: what a policy by time promised is void from here back.
  void sync_failed() { sync_failed_ = true; }
  // A fault has damaged or destroyed what is stored.
  [[nodiscard]] bool stored_harm() const { return stored_harm_; }

 private:
  [[nodiscard]] std::optional<std::string> config(std::string_view topic, std::string_view topic_key,
                                                  std::string_view broker_key) const;
  const Plan& plan_;
  CheckSet& checks_;
  bool stored_harm_ = false;
  bool sync_failed_ = false;
  Instant slow_since_{};
  Instant slow_until_{};
};

}  // namespace squall::scenarios
