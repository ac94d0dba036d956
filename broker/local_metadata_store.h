// Metadata owned by this node alone: `__cluster_metadata-0` in its log store, synced before anything is answered.
//
// Operations take turns. One that finds the disk full is refused and leaves no trace; later ones may find room. If the log
// fails otherwise, the operation is not known to have happened, and the store refuses everything from then on: the next start
// finds in the log what did happen.
//
// What has been answered lies below the log's recovery point, on disk: damage there is refused by `open`. (While the disk is
// too full to write the recovery point, it may lag.)
//
// Invariant: the image is what replaying the log from its start gives.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "broker/metadata_store.h"
#include "log/log.h"
#include "runtime/mutex.h"
#include "runtime/world.h"

namespace squall::broker {

class LocalMetadataStore final : public MetadataStore {
 public:
  LocalMetadataStore(runtime::World& world, const BrokerConfig& config, std::shared_ptr<log::Log> log);

  // May wait. Replays the log; an empty one is given its first records. Fails with what is wrong with the log.
  [[nodiscard]] std::expected<void, std::string> open();
  void set_listener(MetadataListener listener) { listener_ = std::move(listener); }

  [[nodiscard]] const std::shared_ptr<const MetadataImage>& image() const override { return image_; }
  MetadataResult<protocol::CreateTopicsResponse> create_topics(const protocol::CreateTopicsRequest& request) override;
  MetadataResult<protocol::DeleteTopicsResponse> delete_topics(const protocol::DeleteTopicsRequest& request) override;
  MetadataResult<protocol::CreatePartitionsResponse> create_partitions(
      const protocol::CreatePartitionsRequest& request) override;
  MetadataResult<protocol::IncrementalAlterConfigsResponse> alter_configs(
      const protocol::IncrementalAlterConfigsRequest& request) override;
  MetadataResult<ProducerIdBlock> allocate_producer_ids() override;
  MetadataResult<void> register_broker(const Registration& registration) override;

 private:
  template <class Response, class Decide>
  MetadataResult<Response> submit(Decide decide);
  MetadataResult<void> commit(const std::vector<MetadataRecord>& records);
  [[nodiscard]] std::expected<void, std::string> replay_range(const log::FileRange& range, ImageBuilder& builder, Offset& next);

  runtime::World& world_;
  const BrokerConfig& config_;
  std::shared_ptr<log::Log> log_;
  Random random_;
  runtime::Mutex turn_;
  std::shared_ptr<const MetadataImage> image_;
  MetadataListener listener_;
  bool failed_ = false;
};

}  // namespace squall::broker
