// What runs on the client nodes. Each is the process function of its node: it returns when the run asks clients to end, and
// starts anew after the node was killed.
#pragma once

#include "runtime/world.h"
#include "scenarios/run/context.h"

namespace squall::scenarios {

void run_producer(RunContext& run, ClientNode& client, runtime::World& world);
void run_consumer(RunContext& run, ClientNode& client, runtime::World& world);
void run_admin(RunContext& run, ClientNode& client, runtime::World& world);

// ---- the run's own client ----
// Creates the declared topics, trying until they are there. False when `deadline` came first; `why` says what failed last.
[[nodiscard]] bool create_declared_topics(RunContext& run, runtime::World& world, Instant deadline, std::string& why);
// Writes to and reads from each declared partition until it works, or `deadline`.
void probe_partitions(RunContext& run, runtime::World& world, Instant deadline);
// Reads everything from log start to log end, and compares the topics with what must be there.
void sweep_partitions(RunContext& run, runtime::World& world, Instant deadline);

}  // namespace squall::scenarios
