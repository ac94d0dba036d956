// What the broker calls the image of the metadata (raft/metadata).
#pragma once

#include "raft/metadata/image_builder.h"
#include "raft/metadata/metadata_image.h"

namespace squall::broker {

using raft::BrokerEndpointImage;
using raft::BrokerImage;
using raft::ConfigResource;
using raft::ImageBuilder;
using raft::MetadataImage;
using raft::PartitionImage;
using raft::TopicImage;

}  // namespace squall::broker
