// The requests that the controller decides on, once for all who instantiate something for each of them.
#pragma once

#define SQUALL_CONTROLLER_REQUESTS(X) \
  X(AllocateProducerIds)              \
  X(AlterPartition)                   \
  X(AlterPartitionReassignments)      \
  X(AssignReplicasToDirs)             \
  X(BrokerHeartbeat)                  \
  X(BrokerRegistration)               \
  X(ControllerRegistration)           \
  X(CreatePartitions)                 \
  X(CreateTopics)                     \
  X(DeleteTopics)                     \
  X(ElectLeaders)                     \
  X(IncrementalAlterConfigs)          \
  X(ListPartitionReassignments)       \
  X(UnregisterBroker)                 \
  X(UpdateFeatures)
