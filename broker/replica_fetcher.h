// Fetches from one broker what this one follows: plans a request, sends it, and hands the answers to their partitions.
//
// One fiber. One request is under way at a time; a partition that changes its role meanwhile has left the plan, and the answer
// finds nothing to apply to. The records of a response are appended from the buffer that they came in.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "broker/replica_manager.h"
#include "client/connection.h"
#include "protocol/messages/fetch.h"

namespace squall::broker {

class ReplicaFetcher {
 public:
  ReplicaFetcher(ReplicaManager& manager, const SourceId& source);

  void set_fiber(runtime::FiberId fiber) { fiber_ = fiber; }
  // Until nothing is fetched from the broker any more, or the manager stops. May wait.
  void run();
  // There may be something new to ask for.
  void wake() { changed_.wake_all(); }
  // The request under way is of no use.
  void hang_up();
  // Ends the fiber, unless it writes to a log: then it ends after that.
  void stop();

 private:
  using Ends = std::vector<std::pair<PartitionRef, FetchTag>>;

  // False: to be tried again after a pause.
  bool fetch(const FetchPlan& plan);
  bool connect();
  bool take(const protocol::FetchResponse& response);
  void take(const ReplicaKey& key, const protocol::FetchResponse::PartitionData& data, Ends& ends);
  void find_ends(const Ends& ends);
  [[nodiscard]] client::Result<Offset> ask_for_offset(const Partition& partition, LeaderEpoch epoch, std::int64_t timestamp);
  void pause();
  [[nodiscard]] MutableBytes writable(ByteView records);

  ReplicaManager& manager_;
  runtime::World& world_;
  SourceId source_;
  runtime::FiberId fiber_;
  std::shared_ptr<client::Connection> connection_;
  client::ResponseBody body_;
  runtime::WaitQueue changed_;
  std::uint32_t refused_ = 0;  // sessions in a row that the broker did not go on with
  bool writing_ = false;
};

}  // namespace squall::broker
