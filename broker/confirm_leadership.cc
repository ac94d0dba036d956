#include "broker/confirm_leadership.h"

#include "broker/broker_state.h"
#include "broker/control_plane.h"

namespace squall::broker {

bool confirms_leadership(BrokerState& broker, const Partition& partition, LeaderEpoch epoch) {
  const auto leads = [&] { return partition.leads() && partition.leader_epoch() == epoch; };
  if (!leads()) return false;
  const Duration patience = broker.config.milliseconds("controller.quorum.request.timeout.ms");
  return broker.control_plane->loader->wait_until_current(broker.world.now() + patience) && leads();
}

}  // namespace squall::broker
