// How a broker's partitions follow the metadata, wherever that comes from.
#pragma once

#include <memory>

#include "broker/metadata_image.h"
#include "broker/partition_table.h"
#include "broker/replica_manager.h"

namespace squall::broker {

struct BrokerState;

// At the start of a broker: makes the table of partitions and what replicates them, and loads the published image. From then
// on the broker follows. May wait.
void load_partitions(BrokerState& state);
// Makes the broker agree with `image`, which may be published when it returns; does nothing before `load_partitions`. May wait;
// calls take turns.
void apply_image(BrokerState& state, const std::shared_ptr<const MetadataImage>& image, const ImageChange& change);

}  // namespace squall::broker
