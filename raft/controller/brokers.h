// The life of brokers and controllers: registration, heartbeats, fencing, controlled shutdown, unregistration (KIP-631,
// KIP-841).
//
// A broker's epoch is the offset of its registration, and every request that it sends as a broker names it. A broker starts
// fenced; it is unfenced when it has replayed its own registration and asks for it; it is fenced again when it asks for it, or
// is silent for a session.
#pragma once

#include "protocol/messages/broker_heartbeat.h"
#include "protocol/messages/broker_registration.h"
#include "protocol/messages/controller_registration.h"
#include "protocol/messages/unregister_broker.h"
#include "raft/controller/decision.h"
#include "raft/controller/sessions.h"

namespace squall::raft {

// The epoch of a new registration is the end of the image: no record that is logged hereafter comes before it.
//
//  - the same incarnation registers again (a lost answer): epoch and state stay (KAFKA-16952)
//  - another incarnation, while the one known has a session and is not shutting down: DUPLICATE_BROKER_REGISTRATION
//  - else the broker leaves ISRs; if `previous_broker_epoch` does not tell of a clean shutdown, it leaves ELRs too (KIP-966)
[[nodiscard]] Decision<protocol::BrokerRegistrationResponse> decide_registration(
    const DecisionContext& context, const Sessions& sessions, Instant now, const protocol::BrokerRegistrationRequest& request);

// Next state by what it is and what it wants; a broker that shuts down may stop when it leads nothing and all active brokers
// know so.
[[nodiscard]] Decision<protocol::BrokerHeartbeatResponse> decide_heartbeat(const DecisionContext& context,
                                                                           const Sessions& sessions,
                                                                           const protocol::BrokerHeartbeatRequest& request);

// Makes a broker fenced: its leaderships move first, so that no reader sees a fenced leader.
[[nodiscard]] Records fence(const DecisionContext& context, NodeId broker);

[[nodiscard]] Decision<protocol::UnregisterBrokerResponse> decide_unregistration(
    const DecisionContext& context, const protocol::UnregisterBrokerRequest& request);

[[nodiscard]] Decision<protocol::ControllerRegistrationResponse> decide_controller_registration(
    const DecisionContext& context, const protocol::ControllerRegistrationRequest& request);

}  // namespace squall::raft
