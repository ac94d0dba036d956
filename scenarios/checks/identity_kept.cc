#include "scenarios/checks/identity_kept.h"

#include <fmt/format.h>

namespace squall::scenarios {

void IdentityKept::started(std::string_view node, std::string_view cluster, Instant at) {
  const auto [known, first] = cluster_of_.try_emplace(std::string{node}, cluster);
  count();
  if (forgotten_) return;
  for (const auto& [other, its_cluster] : cluster_of_) {
    if (first && its_cluster != cluster) {
      return violated(at, fmt::format("{} is of cluster {}, but {} of cluster {}", node, cluster, other, its_cluster));
    }
  }
  if (first || known->second == cluster) return;
  violated(at, fmt::format("{} was of cluster {} and started again as one of cluster {}", node, known->second, cluster));
}

}  // namespace squall::scenarios
