// The parts of the parser, one per kind of table.
#pragma once

#include "scenarios/language/document.h"
#include "scenarios/language/scenario.h"

namespace squall::scenarios {

void parse_cluster(Section section, ClusterSpec& into);
[[nodiscard]] TopicSpec parse_topic(Section section);
[[nodiscard]] WorkloadSpec parse_workload(Section section);
[[nodiscard]] FaultSpec parse_fault(Section section);
[[nodiscard]] SwarmSpec parse_swarm(Section section);
void parse_expect(Section section, ExpectSpec& into);
void parse_run(Section section, RunSpec& into);
[[nodiscard]] ConfigEntries parse_config(Section& owner, std::string_view key,
                                         std::vector<std::pair<std::string, Place>>* places);

// What is only seen when the whole file is: names that refer to each other.
void check_references(Scenario& scenario, ErrorSink& errors);

}  // namespace squall::scenarios
