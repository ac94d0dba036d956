#include <fmt/format.h>

#include "protocol/error_code.h"
#include "tests/raft/cluster.h"

namespace squall::raft::testing {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::string error_text(ErrorCode error) {
  return error == ErrorCode::none ? "" : fmt::format(" {}", protocol::to_string(error));
}
std::string leader_text(const CurrentLeader& current) {
  return fmt::format(" leader {} epoch {}", current.leader, current.epoch);
}
std::string key_text(const ReplicaKey& key) {
  return key.has_directory() ? fmt::format("{}:{}", key.id, key.directory.least_significant) : fmt::format("{}", key.id);
}
std::string position_text(const OffsetAndEpoch& position) { return fmt::format("{}/{}", position.offset, position.epoch); }
std::string voters_text(const VoterSetPtr& voters) {
  std::string text;
  for (const Voter& voter : voters->voters()) text += (text.empty() ? "" : ",") + key_text(voter.key);
  return text;
}

}  // namespace

std::string to_text(const RequestBody& body) {
  return std::visit(
      Overloaded{
          [](const VoteRequest& one) {
            return fmt::format("{} epoch {} for {} with log {}", one.pre_vote ? "PreVote" : "Vote", one.epoch,
                               key_text(one.candidate), position_text(one.last));
          },
          [](const BeginQuorumEpochRequest& one) {
            return fmt::format("BeginQuorumEpoch epoch {} leader {}", one.epoch, one.leader);
          },
          [](const EndQuorumEpochRequest& one) {
            std::string text = fmt::format("EndQuorumEpoch epoch {} leader {} preferred", one.epoch, one.leader);
            for (const ReplicaKey& key : one.preferred_candidates) text += " " + key_text(key);
            return text;
          },
          [](const FetchRequest& one) {
            return fmt::format("Fetch epoch {} at {} hw {}", one.epoch, position_text(one.position), one.high_watermark);
          },
          [](const FetchSnapshotRequest& one) {
            return fmt::format("FetchSnapshot epoch {} {} from {}", one.epoch, position_text(one.id), one.position);
          },
          [](const ApiVersionsRequest&) { return std::string{"ApiVersions"}; },
          [](const AddVoterRequest& one) { return fmt::format("AddRaftVoter {}", key_text(one.voter)); },
          [](const RemoveVoterRequest& one) { return fmt::format("RemoveRaftVoter {}", key_text(one.voter)); },
          [](const UpdateVoterRequest& one) {
            return fmt::format("UpdateRaftVoter {} epoch {}", key_text(one.voter.key), one.epoch);
          },
      },
      body);
}

std::string to_text(const ResponseBody& body) {
  return std::visit(Overloaded{
                        [](const VoteResponse& one) {
                          return fmt::format("Vote {}{}{}", one.granted ? "granted" : "denied", error_text(one.error),
                                             leader_text(one.current));
                        },
                        [](const BeginQuorumEpochResponse& one) {
                          return fmt::format("BeginQuorumEpoch{}{}", error_text(one.error), leader_text(one.current));
                        },
                        [](const EndQuorumEpochResponse& one) {
                          return fmt::format("EndQuorumEpoch{}{}", error_text(one.error), leader_text(one.current));
                        },
                        [](const FetchResponse& one) {
                          std::string text = fmt::format("Fetch{}{}", error_text(one.error), leader_text(one.current));
                          if (one.error != ErrorCode::none) return text;
                          text += fmt::format(" hw {}", one.high_watermark);
                          if (one.diverging) return text + " diverging " + position_text(*one.diverging);
                          if (one.snapshot) return text + " snapshot " + position_text(*one.snapshot);
                          if (one.records_end > one.records_from)
                            text += fmt::format(" records {}..{}", one.records_from, one.records_end);
                          for (const FetchedBatch& batch : one.batches)
                            text += fmt::format(" [{}..{} of {}]", batch.base, batch.end, batch.epoch);
                          return text;
                        },
                        [](const FetchSnapshotResponse& one) {
                          std::string text = fmt::format("FetchSnapshot{}{}", error_text(one.error), leader_text(one.current));
                          return one.error != ErrorCode::none ? text
                                                              : text + fmt::format(" {} at {} of {}", position_text(one.id),
                                                                                   one.position, one.size_bytes);
                        },
                        [](const ApiVersionsResponse& one) {
                          return fmt::format("ApiVersions{} kraft.version {}-{}", error_text(one.error), one.kraft_versions.min,
                                             one.kraft_versions.max);
                        },
                        [](const AddVoterResponse& one) { return fmt::format("AddRaftVoter{}", error_text(one.error)); },
                        [](const RemoveVoterResponse& one) { return fmt::format("RemoveRaftVoter{}", error_text(one.error)); },
                        [](const UpdateVoterResponse& one) {
                          return fmt::format("UpdateRaftVoter{}{}", error_text(one.error), leader_text(one.current));
                        },
                    },
                    body);
}

std::string to_text(const LogOperation& operation) {
  return std::visit(
      Overloaded{
          [](const AppendEpochStart& one) {
            std::string text = fmt::format("append LeaderChange at {} epoch {}", one.base, one.epoch);
            if (one.kraft_version) text += fmt::format(" kraft.version {}", *one.kraft_version);
            if (one.voter_set) text += " voters " + voters_text(one.voter_set);
            return text;
          },
          [](const AppendProposal& one) {
            return fmt::format("append proposal {} at {}..{} epoch {}", one.id, one.base, one.end, one.epoch);
          },
          [](const AppendVoters& one) {
            std::string text = fmt::format("append voters {} at {} epoch {}", voters_text(one.voters), one.base, one.epoch);
            return one.kraft_version ? text + fmt::format(" kraft.version {}", *one.kraft_version) : text;
          },
          [](const AppendFetched& one) { return fmt::format("append fetched {}..{}", one.base, one.end); },
          [](const Truncate& one) { return fmt::format("truncate to {}", one.end); },
          [](const Flush& one) { return fmt::format("flush to {} epoch {}", one.end, one.epoch); },
          [](const WriteSnapshot& one) { return fmt::format("write snapshot {} at {}", position_text(one.id), one.position); },
          [](const FinishSnapshot& one) {
            return fmt::format("finish snapshot {} epoch {}", position_text(one.id), one.epoch);
          },
          [](const InstallSnapshot& one) { return fmt::format("install snapshot {}", position_text(one.id)); },
          [](const DiscardSnapshot& one) { return fmt::format("discard snapshot {}", position_text(one.id)); },
      },
      operation);
}

std::string to_text(const Event& event) {
  return std::visit(Overloaded{
                        [](const Tick&) { return std::string{"tick"}; },
                        [](const RequestReceived& one) { return to_text(one.body); },
                        [](const ResponseReceived& one) { return "response " + to_text(one.body); },
                        [](const RequestFailed& one) { return fmt::format("request {} failed", one.id); },
                        [](const Propose& one) { return fmt::format("propose {} in epoch {}", one.count, one.epoch); },
                        [](const Flushed& one) { return fmt::format("flushed to {} epoch {}", one.end, one.epoch); },
                        [](const SnapshotCreated& one) { return "snapshot created " + position_text(one.snapshot.id); },
                        [](const LogCleaned& one) { return fmt::format("log cleaned to {}", one.start); },
                        [](const SnapshotReady& one) { return "snapshot ready " + position_text(one.id); },
                        [](const ResignRequested& one) { return fmt::format("resign from {}", one.epoch); },
                        [](const UpgradeKRaftVersion&) { return std::string{"upgrade kraft.version"}; },
                    },
                    event);
}

std::string to_text(const Effects& effects) {
  std::string text;
  const auto line = [&](const std::string& one) { text += one + "\n"; };
  if (effects.election) {
    const ElectionState& state = *effects.election;
    line(fmt::format("persist epoch {} leader {} voted {}", state.epoch, state.leader, key_text(state.voted)));
  }
  for (const LogOperation& operation : effects.log) line(to_text(operation));
  for (const OutboundRequest& request : effects.requests) line(fmt::format("to {}: {}", request.to, to_text(request.body)));
  for (const OutboundResponse& response : effects.responses) line("answer: " + to_text(response.body));
  for (const ProposalId id : effects.refused) line(fmt::format("refuse proposal {}", id));
  if (effects.kraft_upgrade) line(fmt::format("kraft.version upgrade: {}", protocol::to_string(*effects.kraft_upgrade)));
  if (effects.fatal) line("fatal: " + *effects.fatal);
  return text;
}

}  // namespace squall::raft::testing
