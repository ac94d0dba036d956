#include "scenarios/language/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace squall::scenarios {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class OneBroker final : public Roles {
 public:
  std::vector<std::size_t> brokers() const override { return {0}; }
  std::vector<std::size_t> clients() const override { return {1, 2, 3}; }
  std::vector<std::size_t> clients_of(std::string_view workload) const override {
    return workload == "produce orders" ? std::vector<std::size_t>{2} : std::vector<std::size_t>{};
  }
  std::vector<std::size_t> active_controller() const override { return running ? brokers() : std::vector<std::size_t>{}; }
  std::vector<std::size_t> leader(std::string_view, std::int32_t) const override { return active_controller(); }
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
  for (const std::string_view text :
       {"broker.2", "any.broker", "all.clients", "leader(a.b/12)", "client(produce x)", "client.7"}) {
    const auto selector = Selector::parse(text);
    ASSERT_TRUE(selector.has_value()) << text;
    EXPECT_EQ(selector->to_string(), text);
  }
}

TEST(Selector, NamesTheNearestForm) {
  EXPECT_THAT(Selector::parse("brokr.1").error(), HasSubstr("did you mean \"broker.1\"?"));
  EXPECT_THAT(Selector::parse("leader(orders)").error(), HasSubstr("must name a partition"));
  EXPECT_THAT(Selector::parse("follower(orders/0)").error(), HasSubstr("several nodes"));
}

}  // namespace
}  // namespace squall::scenarios
