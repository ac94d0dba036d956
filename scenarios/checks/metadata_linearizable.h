// Operations on topics take effect one after the other, between their request and their answer, whichever broker was asked.
//
// A topic is created if it is not there and deleted if it is; a change that is answered with success was committed, so it is
// judged always. A refusal changes nothing, and a controller that does not know yet that it was deposed may refuse by what was
// true before, in Kafka too: refusals are judged only once nobody can be that late any more. A request whose answer got lost
// may take effect at any later time: from then on it explains a topic that is there, or one that is gone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "scenarios/checks/check.h"

namespace squall::scenarios {

enum class TopicChange : std::uint8_t { create, remove };

class MetadataLinearizable final : public Check {
 public:
  MetadataLinearizable()
      : Check("metadata_linearizable", "A topic is created only if it is not there, and deleted only if it is.") {}

  // Asked for at `begun` and answered now: with success, or that the topic is there already (is not there).
  void done(const std::string& topic, TopicChange change, Instant at);
  void refused(const std::string& topic, TopicChange change, Instant begun, Instant at);
  // A request for it was sent and its answer is not known: also one that was sent again until it was answered.
  void unanswered(const std::string& topic, TopicChange change);
  // Refusals of what is asked for from `from` on are by what is true.
  void judge_refusals(Instant from) { judged_from_ = from; }
  // A fault destroyed the metadata.
  void forget_all() { destroyed_ = true; }

 private:
  struct Known {
    std::optional<bool> exists;  // nothing: not known
    bool create_may_come = false;
    bool remove_may_come = false;
  };
  std::map<std::string, Known> topics_;
  std::optional<Instant> judged_from_;
  bool destroyed_ = false;
};

}  // namespace squall::scenarios
