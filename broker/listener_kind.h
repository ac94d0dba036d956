// Which of a node's roles a listener belongs to: what is served on it.
#pragma once

#include <cstdint>

namespace squall::broker {

enum class ListenerKind : std::uint8_t { broker, controller };

}  // namespace squall::broker
