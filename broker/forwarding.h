// Requests of clients that the controller decides on, as a broker hands them on (KIP-590).
#pragma once

#include "broker/request_context.h"

namespace squall::broker {

// The handler of such an API on a broker's listener. May wait. If this node is the active controller it is asked directly; else
// the request goes to the active controller in an Envelope, again and again while there is none, for as long as the client
// waits for an answer at most.
[[nodiscard]] Disposition forward_to_controller(RequestContext& context);

}  // namespace squall::broker
