// Finalized feature levels (KIP-584), and the records that a cluster begins with.
#pragma once

#include <optional>
#include <string>

#include "protocol/messages/update_features.h"
#include "raft/controller/decision.h"

namespace squall::raft {

struct FeaturesDecision {
  Decision<protocol::UpdateFeaturesResponse> decision;
  // `kraft.version` is a matter of the quorum: what it is to be upgraded to, if that was asked for and nothing is refused.
  std::optional<std::int16_t> kraft_version;
};

// All updates are made, or none. A level must suit every registered broker and controller, and this one. A downgrade must be
// asked for as one, and must not lose metadata.
[[nodiscard]] FeaturesDecision decide_update_features(const DecisionContext& context,
                                                      const protocol::UpdateFeaturesRequest& request);

// What the first leader of an empty log writes: the features given to it (from bootstrap.checkpoint), and what follows from
// them.
[[nodiscard]] Records bootstrap_records(const std::map<std::string, std::int16_t>& features, const ConfigSchema& schema);

// What a new leader writes first: the bootstrap records into an empty log; the end of a transaction that its predecessor left
// open (KIP-868). Nothing otherwise.
[[nodiscard]] Records activation_records(const DecisionContext& context, const Records& bootstrap);

// Under eligible leader replicas every broker must go by the same `min.insync.replicas`: those set for single brokers are
// removed, and the cluster's is written down (KIP-966).
void pin_min_in_sync_replicas(const MetadataImage& image, const ConfigSchema& schema, Records& records);

}  // namespace squall::raft
