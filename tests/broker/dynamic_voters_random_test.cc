// Every change of voters with something breaking in the middle of it: nothing acknowledged is lost, there is one voter set in
// the end, and service returns.
#include "runtime/deadline.h"
#include "tests/broker/voter_cluster.h"

namespace squall::broker {
namespace {

enum class Change : std::uint8_t { add, remove, remove_leader, replace, join, move };
enum class Trouble : std::uint8_t { kill_leader, kill_one, power_cut_all, isolate_leader, isolate_target, pause_leader };
constexpr int trouble_count = 6;

struct Trial {
  Trial(Change the_change, std::uint64_t seed) : change{the_change}, cluster{seed}, random{seed} {}

  void begin() {
    cluster.add_first_voters(3);
    cluster.add_broker();
    cluster.start_all();
    cluster.run_until([&] { return cluster.agree_on({1, 2, 3}) && cluster.member(broker_id).started; }, "a cluster");
    cluster.keep_creating_topics();
    cluster.run_for(1s);
    const std::int32_t leader = cluster.leader();
    const std::int32_t other = leader == 1 ? 2 : 1;
    target = change == Change::add || change == Change::join ? 4 : change == Change::remove_leader ? leader : other;
    former = cluster.key(target == 4 ? 1 : target);
    if (target == 4) {
      cluster.add_controller(4);
      if (change == Change::join) cluster.member(4).values["controller.quorum.auto.join.enable"] = "true";
      cluster.start(4);
      wanted = {1, 2, 3, 4};
    } else if (change == Change::remove || change == Change::remove_leader) {
      wanted.erase(target);
    } else if (change == Change::replace) {
      cluster.wipe(target);
      cluster.run_for(500ms);
      cluster.node(target).restart();
    } else {
      cluster.node(target).crash();
      cluster.member(target).port = 9094;
      cluster.member(target).values["listeners"] = "CONTROLLER://" + cluster.node(target).host() + ":9094";
      cluster.run_for(500ms);
      cluster.node(target).restart();
    }
    if (random.below(2) == 0) cluster.run_for(3s);
  }

  // What an operator does until it is so: ask again.
  void operate() {
    if (change == Change::join || change == Change::move) return;
    cluster.meanwhile([this](runtime::World& world) {
      while (!done()) {
        const bool is_removal = change == Change::remove || change == Change::remove_leader;
        if (is_removal || change == Change::replace) {
          (void)VoterCluster::ask(world, VoterCluster::broker_endpoint(), VoterCluster::remove_request(former), 6s);
        }
        if (!is_removal && !cluster.key(target).directory.is_zero()) {
          (void)VoterCluster::ask(world, VoterCluster::broker_endpoint(), cluster.add_request(target), 6s);
        }
        runtime::sleep_for(world, 300ms);
      }
    });
  }

  void isolate(std::int32_t id) {
    for (std::int32_t other = 1; other <= (target == 4 ? 4 : 3); ++other) {
      if (other != id) cluster.simulation.network().partition(cluster.node(id), cluster.node(other));
    }
    cluster.simulation.network().partition(cluster.node(id), cluster.node(broker_id));
  }

  void strike() {
    const auto up = [&](std::int32_t id) { return cluster.node(id).state() == sim::NodeState::running; };
    const std::int32_t leader = cluster.leader() == 0 ? 1 : cluster.leader();
    switch (static_cast<Trouble>(random.below(trouble_count))) {
      case Trouble::kill_leader:
        if (up(leader)) cluster.node(leader).crash();
        return;
      case Trouble::kill_one: {
        const auto id = static_cast<std::int32_t>(1 + random.below(3));
        if (up(id)) cluster.node(id).power_cut();
        return;
      }
      case Trouble::power_cut_all:
        for (std::int32_t id = 1; id <= (target == 4 ? 4 : 3); ++id) {
          if (up(id)) cluster.node(id).power_cut();
        }
        return;
      case Trouble::isolate_leader: return isolate(leader);
      case Trouble::isolate_target: return isolate(target);
      case Trouble::pause_leader:
        if (up(leader)) cluster.node(leader).pause(4s);
        return;
    }
  }

  [[nodiscard]] bool done() const {
    if (!cluster.agree_on(wanted)) return false;
    if (change != Change::move) return true;
    const Broker* other = cluster.process(target == 1 ? 2 : 1);
    const auto voters = other == nullptr ? nullptr : other->voters();
    return voters != nullptr && voters->find(NodeId{target})->endpoints.at(0).port == 9094;
  }

  void run() {
    begin();
    operate();
    for (int strikes = 0; strikes < 3; ++strikes) {
      cluster.run_for(random.between(Duration{0ms}, Duration{1s}));
      strike();
      cluster.run_for(random.between(Duration{500ms}, Duration{5s}));
      cluster.heal();
    }
    cluster.run_until([&] { return done() && cluster.member(broker_id).started; }, "the change", 120s);
    cluster.expect_service();
    EXPECT_TRUE(done()) << "it stays";
  }

  Change change;
  VoterCluster cluster;
  Random random;
  std::int32_t target = 0;
  raft::ReplicaKey former;
  std::set<std::int32_t> wanted{1, 2, 3};
};

class ChangeUnderFaults : public testing::TestWithParam<Change> {};

TEST_P(ChangeUnderFaults, LosesNothingAndComesAbout) {
  constexpr std::uint64_t seeds = 6;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Trial trial{GetParam(), seed * 100 + static_cast<std::uint64_t>(GetParam())};
    trial.run();
    if (testing::Test::HasFailure()) return;
  }
}

std::string name_of(const testing::TestParamInfo<Change>& info) {
  constexpr std::array names{"Add", "Remove", "RemoveLeader", "Replace", "Join", "Move"};
  return names[static_cast<std::size_t>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Voters, ChangeUnderFaults,
                         testing::Values(Change::add, Change::remove, Change::remove_leader, Change::replace, Change::join,
                                         Change::move),
                         name_of);

}  // namespace
}  // namespace squall::broker
