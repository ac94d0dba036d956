#include "broker/metadata_record.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace squall::broker {
namespace {

struct Written {
  std::int16_t type;
  std::int16_t version;
};

constexpr std::array written{
    Written{protocol::RegisterBrokerRecord::record_type, 3},
    Written{protocol::TopicRecord::record_type, 0},
    Written{protocol::PartitionRecord::record_type, 1},
    Written{protocol::ConfigRecord::record_type, 0},
    Written{protocol::PartitionChangeRecord::record_type, 1},
    Written{protocol::RemoveTopicRecord::record_type, 0},
    Written{protocol::FeatureLevelRecord::record_type, 0},
    Written{protocol::ProducerIdsRecord::record_type, 0},
    Written{protocol::BrokerRegistrationChangeRecord::record_type, 2},
    Written{protocol::NoOpRecord::record_type, 0},
};

}  // namespace

std::int16_t written_version(const MetadataRecord& record) {
  const auto found = std::ranges::find(written, protocol::type_of(record), &Written::type);
  SQUALL_ASSERT(found != written.end(), "records of other types are never written");
  return found->version;
}

}  // namespace squall::broker
