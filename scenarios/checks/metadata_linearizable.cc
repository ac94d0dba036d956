#include "scenarios/checks/metadata_linearizable.h"

#include <fmt/format.h>

namespace squall::scenarios {

void MetadataLinearizable::done(const std::string& topic, TopicChange change, Instant at) {
  if (destroyed_) return;
  Known& known = topics_[topic];
  const bool creates = change == TopicChange::create;
  if (known.exists) {
    count();
    if (creates && *known.exists && !known.remove_may_come) {
      violated(at, fmt::format("topic {} was created although it was there and nobody had deleted it", topic));
    } else if (!creates && !*known.exists && !known.create_may_come) {
      violated(at, fmt::format("topic {} was deleted although it was gone and nobody had made it again", topic));
    }
  }
  known.exists = creates;
}

void MetadataLinearizable::refused(const std::string& topic, TopicChange change, Instant begun, Instant at) {
  if (destroyed_ || !judged_from_ || begun < *judged_from_) return;
  Known& known = topics_[topic];
  const bool is_there = change == TopicChange::create;
  if (known.exists) {
    count();
    if (is_there && !*known.exists && !known.create_may_come) {
      violated(at, fmt::format("topic {} was deleted and acknowledged, but is said to be there", topic));
    } else if (!is_there && *known.exists && !known.remove_may_come) {
      violated(at, fmt::format("topic {} was created and acknowledged, but is said not to be there", topic));
    }
  }
  known.exists = is_there;
}

void MetadataLinearizable::unanswered(const std::string& topic, TopicChange change) {
  Known& known = topics_[topic];
  (change == TopicChange::create ? known.create_may_come : known.remove_may_come) = true;
  known.exists.reset();
}

}  // namespace squall::scenarios
