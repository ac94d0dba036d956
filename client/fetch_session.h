// The client's half of a fetch session (KIP-227): after a first full request, only what has changed is sent.
//
// Epochs: 0 asks for a new session (closing the one named), -1 for none, and each incremental request counts one up, from 1,
// wrapping past 2^31 - 1 to 1.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <span>

#include "base/types.h"
#include "base/uuid.h"
#include "client/topic_partition.h"
#include "protocol/error_code.h"
#include "protocol/messages/fetch.h"

namespace squall::client {

// One partition to be fetched.
struct FetchTarget {
  const TopicPartition* partition = nullptr;
  Uuid topic_id;
  Offset offset;
  LeaderEpoch leader_epoch = no_epoch;
};

class FetchSession {
 public:
  explicit FetchSession(bool enabled) : enabled_{enabled} {}

  // Fills the session, the topics and the forgotten topics of `request`. `targets` are sorted by partition. Takes it that
  // `version` names topics by id from 13 on, and that sessions exist from 7 on.
  void build(std::span<const FetchTarget> targets, std::int32_t partition_bytes_max, std::int16_t version,
             protocol::FetchRequest& request);
  // The answer came: without an error, or with an error of the session's.
  void succeeded(std::int32_t session_id);
  void failed(protocol::ErrorCode code);
  // No answer came: what the peer has taken over is not known.
  void lost() { epoch_ = 0; }

  [[nodiscard]] std::int32_t id() const { return id_; }
  [[nodiscard]] std::int32_t epoch() const { return epoch_; }

 private:
  struct Sent {
    Uuid topic_id;
    Offset offset;
    LeaderEpoch leader_epoch;
    bool operator==(const Sent&) const = default;
  };

  bool enabled_;
  std::int32_t id_ = 0;
  std::int32_t epoch_ = 0;  // of the next request
  std::map<TopicPartition, Sent> sent_;
};

}  // namespace squall::client
