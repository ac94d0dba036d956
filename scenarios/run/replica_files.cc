#include "scenarios/run/replica_files.h"

#include "protocol/record_batch.h"
#include "sim/trace.h"

namespace squall::scenarios {

std::vector<StoredBatch> stored_batches(sim::Node& node, const std::string& path) {
  std::vector<StoredBatch> batches;
  sim::Disk& disk = node.disk(path);
  const sim::InodeRef directory = disk.names().find(path);
  if (directory == nullptr) return batches;
  // Named after their base offsets with leading zeros, so in the order of offsets.
  for (const auto& [name, inode] : directory->entries) {
    if (!name.ends_with(".log")) continue;
    const auto bytes = disk.peek(path + "/" + name);
    if (!bytes) continue;
    protocol::BatchCursor cursor{ByteView{*bytes}};
    for (protocol::RecordBatchView batch; cursor.next(batch);) {
      batches.push_back({batch.base_offset(), batch.next_offset(), sim::digest_of(batch.bytes())});
    }
  }
  return batches;
}

}  // namespace squall::scenarios
