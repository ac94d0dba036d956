#include "broker/confirm_leadership.h"

#include "broker/broker_state.h"
#include "broker/control_plane.h"

namespace squall::broker {

bool confirms_leadership(BrokerState& broker, const Partition& partition, LeaderEpoch epoch) {
  const Duration patience = broker.config.milliseconds("controller.quorum.request.timeout.ms");
  const bool current = broker.control_plane->loader->wait_until_current(broker.world.now() + patience);
  return current && partition.leads() && partition.leader_epoch() == epoch;
}

}  // namespace squall::broker
