// The seam between a broker and whoever owns the metadata: operations go in, an image comes out.
//
// An operation becomes records (decide), the records become durable (log), and only then they change the image (replay). The
// call returns after that: what it reports is in the image and survives a power cut. The node's own store does this on one
// log; a quorum does it by majority.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/controller_decisions.h"
#include "broker/metadata_image.h"
#include "protocol/error_code.h"

namespace squall::broker {

template <class T>
using MetadataResult = std::expected<T, protocol::ErrorCode>;  // the error: nothing is known to have happened

// Told of every change before the image is published, in order, one at a time; it may wait. `topics` are the names of topics
// made, changed or removed.
using MetadataListener =
    std::function<void(const std::shared_ptr<const MetadataImage>& image, const std::vector<std::string>& topics)>;

class MetadataStore {
 public:
  virtual ~MetadataStore() = default;

  // The latest published image; never null.
  [[nodiscard]] virtual const std::shared_ptr<const MetadataImage>& image() const = 0;

  // ---- operations; all may wait ----
  virtual MetadataResult<protocol::CreateTopicsResponse> create_topics(const protocol::CreateTopicsRequest& request) = 0;
  virtual MetadataResult<protocol::DeleteTopicsResponse> delete_topics(const protocol::DeleteTopicsRequest& request) = 0;
  virtual MetadataResult<protocol::CreatePartitionsResponse> create_partitions(
      const protocol::CreatePartitionsRequest& request) = 0;
  virtual MetadataResult<protocol::IncrementalAlterConfigsResponse> alter_configs(
      const protocol::IncrementalAlterConfigsRequest& request) = 0;
  // Ids that nobody else will ever be given.
  virtual MetadataResult<ProducerIdBlock> allocate_producer_ids() = 0;
  // Announces this broker, unfenced.
  virtual MetadataResult<void> register_broker(const Registration& registration) = 0;
};

}  // namespace squall::broker
