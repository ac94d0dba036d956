#include "scenarios/language/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace squall::scenarios {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Brokers 0 to 2, of which 0 is a controller too; controllers 3 and 4; clients 5 and 6. Racks 1 and 2, in turn.
class ThreeBrokers final : public Roles {
 public:
  std::vector<std::size_t> brokers() const override { return {0, 1, 2}; }
  std::vector<std::size_t> controllers() const override { return {0, 3, 4}; }
  std::vector<std::size_t> rack(std::int32_t number) const override {
    return number == 1 ? std::vector<std::size_t>{0, 2, 4} : std::vector<std::size_t>{1, 3};
  }
  std::vector<std::size_t> clients() const override { return {5, 6}; }
  std::vector<std::size_t> clients_of(std::string_view) const override { return {5}; }
  std::vector<std::size_t> active_controller() const override { return {3}; }
  std::vector<std::size_t> standby_controllers() const override { return {0, 4}; }
  std::vector<std::size_t> leader(std::string_view, std::int32_t) const override { return {1}; }
  std::vector<std::size_t> followers(std::string_view, std::int32_t, bool in_sync) const override {
    return in_sync ? std::vector<std::size_t>{2} : std::vector<std::size_t>{0, 2};
  }
};

class OneBroker final : public Roles {
 public:
  std::vector<std::size_t> brokers() const override { return {0}; }
  std::vector<std::size_t> controllers() const override { return {0}; }
  std::vector<std::size_t> rack(std::int32_t) const override { return {}; }
  std::vector<std::size_t> clients() const override { return {1, 2, 3}; }
  std::vector<std::size_t> clients_of(std::string_view workload) const override {
    return workload == "produce orders" ? std::vector<std::size_t>{2} : std::vector<std::size_t>{};
  }
  std::vector<std::size_t> active_controller() const override { return running ? brokers() : std::vector<std::size_t>{}; }
  std::vector<std::size_t> leader(std::string_view, std::int32_t) const override { return active_controller(); }
  std::vector<std::size_t> standby_controllers() const override { return {}; }
  std::vector<std::size_t> followers(std::string_view, std::int32_t, bool) const override { return {}; }
  bool running = true;
};

std::vector<std::size_t> resolved(std::string_view text, const Roles& roles) {
  const auto selector = Selector::parse(text);
  EXPECT_TRUE(selector.has_value()) << text;
  Random random{1};
  return selector ? resolve(*selector, roles, random) : std::vector<std::size_t>{};
}

TEST(Selector, NamesNodesByRole) {
  const OneBroker roles;
  EXPECT_THAT(resolved("broker.1", roles), ElementsAre(0U));
  EXPECT_THAT(resolved("broker.2", roles), IsEmpty());
  EXPECT_THAT(resolved("client.3", roles), ElementsAre(3U));
  EXPECT_THAT(resolved("all.clients", roles), ElementsAre(1U, 2U, 3U));
  EXPECT_THAT(resolved("all.nodes", roles), ElementsAre(0U, 1U, 2U, 3U));
  EXPECT_THAT(resolved("controller.active", roles), ElementsAre(0U));
  EXPECT_THAT(resolved("leader(orders/0)", roles), ElementsAre(0U));
  EXPECT_THAT(resolved("client(produce orders)", roles), ElementsAre(2U));
}

TEST(Selector, NamesNodesOfAClusterByRole) {
  const ThreeBrokers roles;
  const std::pair<std::string_view, std::vector<std::size_t>> rows[] = {
      {"broker.3", {2}},
      {"all.brokers", {0, 1, 2}},
      {"controller.1", {0}},
      {"controller.2", {3}},
      {"controller.4", {}},
      {"all.controllers", {0, 3, 4}},
      {"controller.active", {3}},
      {"all.servers", {0, 1, 2, 3, 4}},
      {"all.nodes", {0, 1, 2, 3, 4, 5, 6}},
      {"rack.1", {0, 2, 4}},
      {"rack.2", {1, 3}},
      {"leader(orders/0)", {1}},
      {"in_sync_follower(orders/0)", {2}},
  };
  for (const auto& [text, nodes] : rows) EXPECT_EQ(resolved(text, roles), nodes) << text;
}

TEST(Selector, DrawsOneOfThoseThatHaveTheRole) {
  const ThreeBrokers roles;
  const std::pair<std::string_view, std::vector<bool>> rows[] = {
      {"any.controller", {true, false, false, true, true, false, false}},
      {"any.server", {true, true, true, true, true, false, false}},
      {"any.node", {true, true, true, true, true, true, true}},
      {"controller.standby", {true, false, false, false, true, false, false}},
      {"follower(orders/0)", {true, false, true, false, false, false, false}},
  };
  for (const auto& [text, expected] : rows) {
    const auto selector = Selector::parse(text);
    ASSERT_TRUE(selector.has_value()) << text;
    Random random{5};
    std::vector<bool> seen(7);
    for (int draw = 0; draw < 200; ++draw) seen[resolve(*selector, roles, random).at(0)] = true;
    EXPECT_EQ(seen, expected) << text;
  }
}

TEST(Selector, KnowsWhatItCanStrike) {
  for (const std::string_view text : {"controller.active", "controller.standby", "rack.1", "any.server", "follower(a/0)"}) {
    EXPECT_TRUE(Selector::parse(text)->is_server()) << text;
    EXPECT_FALSE(Selector::parse(text)->is_client()) << text;
  }
  for (const std::string_view text : {"any.node", "all.nodes", "client(x)"}) {
    EXPECT_FALSE(Selector::parse(text)->is_server()) << text;
  }
}

TEST(Selector, IsResolvedAtTheMomentItIsAsked) {
  OneBroker roles;
  roles.running = false;
  EXPECT_THAT(resolved("leader(orders/0)", roles), IsEmpty());
  roles.running = true;
  EXPECT_THAT(resolved("leader(orders/0)", roles), ElementsAre(0U));
}

TEST(Selector, DrawsAnyClientFromTheSeed) {
  const OneBroker roles;
  const auto selector = Selector::parse("any.client");
  ASSERT_TRUE(selector.has_value());
  Random random{3};
  std::vector<bool> seen(4);
  for (int draw = 0; draw < 50; ++draw) seen[resolve(*selector, roles, random).at(0)] = true;
  EXPECT_THAT(seen, ElementsAre(false, true, true, true));
}

TEST(Selector, WritesItselfAsItWasRead) {
  for (const std::string_view text : {"broker.2", "any.broker", "all.clients", "leader(a.b/12)", "client(produce x)",
                                      "client.7", "controller.3", "any.controller", "all.controllers", "controller.standby",
                                      "any.server", "all.servers", "rack.2", "follower(a/1)", "in_sync_follower(a/1)"}) {
    const auto selector = Selector::parse(text);
    ASSERT_TRUE(selector.has_value()) << text;
    EXPECT_EQ(selector->to_string(), text);
  }
}

TEST(Selector, NamesTheNearestForm) {
  EXPECT_THAT(Selector::parse("brokr.1").error(), HasSubstr("did you mean \"broker.1\"?"));
  EXPECT_THAT(Selector::parse("leader(orders)").error(), HasSubstr("must name a partition"));
  EXPECT_THAT(Selector::parse("follower(orders)").error(), HasSubstr("as follower(orders/0) does"));
  EXPECT_THAT(Selector::parse("controller.actve").error(), HasSubstr("did you mean \"controller.active\"?"));
  EXPECT_THAT(Selector::parse("rack.0").error(), HasSubstr("did you mean \"rack.1\"?"));
}

}  // namespace
}  // namespace squall::scenarios
