// Operations: each is decided by a pure function of its own file.
#include <algorithm>

#include "base/assert.h"
#include "raft/controller/controller.h"
#include "raft/metadata/record_version.h"

namespace squall::raft {
namespace {

// A batch cannot hold it: begin and end make it one (KIP-868).
void wrap_in_transaction(std::string name, Records& records) {
  protocol::BeginTransactionRecord begin;
  begin.name = std::move(name);
  records.insert(records.begin(), protocol::MetadataRecord{std::move(begin)});
  records.emplace_back(protocol::EndTransactionRecord{});
}

}  // namespace

void Controller::begin_operation(Instant now) {
  SQUALL_ASSERT(is_active(), "only the active controller decides");
  SQUALL_ASSERT(awaited_records_ == 0, "what was decided is replayed before anything else");
  last_operation_ = now;
}

template <class Answer>
Decision<Answer> Controller::settled(Decision<Answer> decision) {
  const bool large = decision.atomic && decision.records.size() > records_per_operation_max;
  if (large && MetadataVersion::of(*image_).has_transactions()) {
    wrap_in_transaction("large operation", decision.records);
    decision.atomic = false;
  }
  if (!decision.records.empty()) {
    const auto no_op = due_.find(Task::no_op);
    if (no_op != due_.end()) no_op->second = std::max(no_op->second, last_operation_ + *settings_.no_op_interval);
  }
  awaited_records_ = decision.records.size();
  return decision;
}

Decision<protocol::CreateTopicsResponse> Controller::submit(const protocol::CreateTopicsRequest& request, Instant now) {
  begin_operation(now);
  return settled(decide_create_topics(context(), request));
}

Decision<protocol::DeleteTopicsResponse> Controller::submit(const protocol::DeleteTopicsRequest& request, Instant now) {
  begin_operation(now);
  return settled(decide_delete_topics(context(), request));
}

Decision<protocol::CreatePartitionsResponse> Controller::submit(const protocol::CreatePartitionsRequest& request, Instant now) {
  begin_operation(now);
  return settled(decide_create_partitions(context(), request));
}

Decision<protocol::IncrementalAlterConfigsResponse> Controller::submit(const protocol::IncrementalAlterConfigsRequest& request,
                                                                       Instant now) {
  begin_operation(now);
  return settled(decide_alter_configs(context(), request));
}

Decision<protocol::BrokerRegistrationResponse> Controller::submit(const protocol::BrokerRegistrationRequest& request,
                                                                  Instant now) {
  begin_operation(now);
  auto decision = decide_registration(context(), sessions_, now, request);
  if (decision.response.error_code == 0) {
    sessions_.touch(NodeId{request.broker_id}, decision.response.broker_epoch, now, no_offset);
  }
  return settled(std::move(decision));
}

Decision<protocol::BrokerHeartbeatResponse> Controller::submit(const protocol::BrokerHeartbeatRequest& request, Instant now) {
  begin_operation(now);
  auto decision = decide_heartbeat(context(), sessions_, request);
  if (decision.response.should_shut_down) {
    sessions_.forget(NodeId{request.broker_id});
  } else if (decision.response.error_code == 0) {
    sessions_.touch(NodeId{request.broker_id}, request.broker_epoch, now, Offset{request.current_metadata_offset});
  }
  return settled(std::move(decision));
}

Decision<protocol::UnregisterBrokerResponse> Controller::submit(const protocol::UnregisterBrokerRequest& request, Instant now) {
  begin_operation(now);
  return settled(decide_unregistration(context(), request));
}

Decision<protocol::ControllerRegistrationResponse> Controller::submit(const protocol::ControllerRegistrationRequest& request,
                                                                      Instant now) {
  begin_operation(now);
  return settled(decide_controller_registration(context(), request));
}

Decision<protocol::AlterPartitionResponse> Controller::submit(const protocol::AlterPartitionRequest& request, Instant now) {
  begin_operation(now);
  return settled(decide_alter_partition(context(), request));
}

Decision<protocol::ElectLeadersResponse> Controller::submit(const protocol::ElectLeadersRequest& request, Instant now) {
  begin_operation(now);
  return settled(decide_elect_leaders(context(), request));
}

Decision<protocol::AlterPartitionReassignmentsResponse> Controller::submit(
    const protocol::AlterPartitionReassignmentsRequest& request, Instant now) {
  begin_operation(now);
  return settled(decide_reassignments(context(), request));
}

Decision<protocol::ListPartitionReassignmentsResponse> Controller::submit(
    const protocol::ListPartitionReassignmentsRequest& request, Instant now) {
  begin_operation(now);
  return {.records = {}, .response = list_reassignments(*image_, request)};
}

Decision<protocol::AssignReplicasToDirsResponse> Controller::submit(const protocol::AssignReplicasToDirsRequest& request,
                                                                    Instant now) {
  begin_operation(now);
  return settled(decide_assign_replicas(context(), request));
}

Decision<protocol::AllocateProducerIdsResponse> Controller::submit(const protocol::AllocateProducerIdsRequest& request,
                                                                   Instant now) {
  begin_operation(now);
  return settled(decide_allocate_producer_ids(context(), request));
}

Decision<protocol::UpdateFeaturesResponse> Controller::submit(const protocol::UpdateFeaturesRequest& request, Instant now) {
  begin_operation(now);
  FeaturesDecision features = decide_update_features(context(), request);
  kraft_version_ = features.kraft_version;
  return settled(std::move(features.decision));
}

}  // namespace squall::raft
