// A failed assert of the product in a simulated run is a failed check: it is reported with the run's id, and ends the program
// with the exit code of a failed check.
#pragma once

#include <string>

#include "sim/simulation.h"

namespace squall::tools {

// From now on a failed assert belongs to this run. Null: to none (then it is the harness's, exit code 3).
void watch_asserts(sim::Simulation* simulation, const std::string& id, const std::string& command, bool json);

}  // namespace squall::tools
