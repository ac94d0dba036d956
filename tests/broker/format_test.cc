#include "broker/format.h"

#include <gmock/gmock.h>

#include "log/files.h"
#include "tests/broker/fixture.h"

namespace squall::broker {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view cluster = "AAAAAAAAAAAAAAAAAAAAew";
constexpr std::string_view other_cluster = "AAAAAAAAAAAAAAAAAAAAfA";

using Formatted = std::expected<std::vector<std::string>, StartError>;
using Prepare = std::function<void(runtime::World&)>;

void put(runtime::World& world, const std::string& path, std::string_view text) {
  create_dirs(world, path.substr(0, path.rfind('/')));
  EXPECT_TRUE(log::write_file_atomically(world, path, as_bytes(text)).has_value());
}

Prepare properties(const std::string& dir, std::string_view of, std::int32_t node) {
  return [=](runtime::World& world) {
    put(world, dir + "/meta.properties",
        "version=1\ncluster.id=" + std::string{of} + "\nnode.id=" + std::to_string(node) +
            "\ndirectory.id=AAAAAAAAAAAAAAAAAAABAA\n");
  };
}

class FormatTest : public testing::Test {
 protected:
  FormatTest() {
    sim::NodeOptions options;
    options.name = "n";
    node_ = &simulation_.add_node(options);
  }
  void run(const Prepare& work) {
    bool ended = false;
    node_->start("format", [&](runtime::World& world) {
      work(world);
      ended = true;
    });
    simulation_.run_while([&] { return !ended; }, simulation_.now() + 60s);
    ASSERT_TRUE(ended);
    simulation_.run_for(1ms);
  }
  static BrokerConfig config(const std::string& roles = "broker,controller") {
    auto parsed = broker_config_from({{"process.roles", roles},
                                      {"node.id", "1"},
                                      {"listeners", "PLAINTEXT://n:9092,CONTROLLER://n:9093"},
                                      {"controller.quorum.voters", "1@n:9093"},
                                      {"log.dirs", "/a,/b"}});
    EXPECT_TRUE(parsed.has_value()) << parsed.error();
    return parsed->config;
  }
  Formatted format(const FormatOptions& options) {
    Formatted done;
    run([&](runtime::World& world) { done = format_node(world, config(), options); });
    return done;
  }
  [[nodiscard]] bool has(const std::string& path) { return node_->disk().peek(path).has_value(); }

  sim::Simulation simulation_{{}};
  sim::Node* node_ = nullptr;
};

TEST_F(FormatTest, EveryDirectoryGetsItsIdentityAndTheMetadataItsBeginning) {
  const auto done = format({.cluster_id = std::string{cluster}});
  ASSERT_TRUE(done.has_value()) << done.error().message;
  ASSERT_THAT(*done, SizeIs(2));
  EXPECT_THAT((*done)[0], HasSubstr("formatted /a for node 1 of cluster AAAAAAAAAAAAAAAAAAAAew, directory "));
  EXPECT_THAT((*done)[1], HasSubstr("formatted /b for node 1 of cluster AAAAAAAAAAAAAAAAAAAAew, directory "));
  EXPECT_TRUE(has("/a/meta.properties"));
  EXPECT_TRUE(has("/b/meta.properties"));
  EXPECT_TRUE(has("/a/bootstrap.checkpoint"));
  EXPECT_FALSE(has("/b/bootstrap.checkpoint"));
  node_->power_cut();
  run([&](runtime::World& world) { EXPECT_EQ(formatted_cluster(world, config()), cluster); });
}

TEST_F(FormatTest, WhatCannotBeFormattedIsLeftAsItWas) {
  struct Row {
    std::string what;
    Prepare prepare;
    FormatOptions options;
    ExitCode code = ExitCode::bad_usage;
    std::string message;
  };
  const FormatOptions plain{.cluster_id = std::string{cluster}};
  const FormatOptions again{.cluster_id = std::string{cluster}, .ignore_formatted = true};
  const Prepare nothing = [](runtime::World&) {};
  const std::vector<Row> rows{
      {"an id that is none", nothing, {.cluster_id = "my cluster"}, ExitCode::bad_usage, "'my cluster' is no cluster id"},
      {"no id", nothing, {}, ExitCode::bad_usage, "'' is no cluster id"},
      {"formatted", properties("/b", cluster, 1), plain, ExitCode::bad_usage, "/b/meta.properties: formatted already; pass --"},
      {"another cluster", properties("/b", other_cluster, 1), again, ExitCode::bad_usage,
       "/b/meta.properties: is of node 1 of cluster AAAAAAAAAAAAAAAAAAAAfA"},
      {"another node", properties("/b", cluster, 2), again, ExitCode::bad_usage, "/b/meta.properties: is of node 2 of cluster"},
      {"logs that are nobody's", [](runtime::World& world) { create_dirs(world, "/b/orders-0"); }, again, ExitCode::bad_usage,
       "/b: holds logs, but no meta.properties"},
      {"metadata that is nobody's", [](runtime::World& world) { create_dirs(world, "/b/__cluster_metadata-0"); }, again,
       ExitCode::bad_usage, "/b: holds logs, but no meta.properties"},
      {"properties that make no sense", [](runtime::World& world) { put(world, "/b/meta.properties", "version=9\n"); }, again,
       ExitCode::corrupt_metadata, "/b/meta.properties: "},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    node_->disk().wipe();
    run(row.prepare);
    const auto done = format(row.options);
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, row.code);
    EXPECT_THAT(done.error().message, HasSubstr(row.message));
    EXPECT_FALSE(has("/a/meta.properties")) << "what was to be formatted before it";
    EXPECT_FALSE(has("/a/bootstrap.checkpoint"));
  }
}

TEST_F(FormatTest, ADirectoryThatIsFormattedIsLeftAloneIfThatIsAskedFor) {
  run(properties("/b", cluster, 1));
  const auto before = node_->disk().peek("/b/meta.properties");
  const auto rest = format({.cluster_id = std::string{cluster}, .ignore_formatted = true});
  ASSERT_TRUE(rest.has_value()) << rest.error().message;
  EXPECT_THAT(*rest, testing::ElementsAre(HasSubstr("formatted /a ")));
  const auto nothing = format({.cluster_id = std::string{cluster}, .ignore_formatted = true});
  ASSERT_TRUE(nothing.has_value()) << nothing.error().message;
  EXPECT_THAT(*nothing, IsEmpty());
  EXPECT_EQ(node_->disk().peek("/b/meta.properties"), before);
}

TEST_F(FormatTest, AFullDiskIsToldWithTheFile) {
  node_->disk().set_capacity(10);
  const auto done = format({.cluster_id = std::string{cluster}});
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, ExitCode::storage_failed);
  EXPECT_THAT(done.error().message, HasSubstr("/a/"));
  node_->disk().heal();
  EXPECT_TRUE(format({.cluster_id = std::string{cluster}}).has_value()) << "cut short, it may be done again";
}

TEST_F(FormatTest, APowerCutAtAnyTimeLeavesADirectoryThatCanBeFormatted) {
  for (int step = 1; step < 60; ++step) {
    node_->disk().wipe();
    bool ended = false;
    node_->start("format", [&](runtime::World& world) {
      ended = format_node(world, config(), {.cluster_id = std::string{cluster}}).has_value();
    });
    simulation_.run_for(step * 50us);
    node_->power_cut();
    const auto done = format({.cluster_id = std::string{cluster}, .ignore_formatted = true});
    ASSERT_TRUE(done.has_value()) << done.error().message << ", after step " << step;
    EXPECT_TRUE(has("/a/bootstrap.checkpoint"));
    EXPECT_TRUE(has("/b/meta.properties"));
    EXPECT_TRUE(!ended || done->empty());
  }
}

TEST_F(FormatTest, ANodeOfAClusterDoesNotStartWithoutIt) {
  for (const std::string roles : {"broker,controller", "controller"}) {
    std::optional<StartError> refused;
    run([&](runtime::World& world) {
      auto parsed = broker_config_from(
          {{"process.roles", roles},
           {"node.id", "1"},
           {"listeners", roles == "controller" ? "CONTROLLER://n:9093" : "PLAINTEXT://n:9092,CONTROLLER://n:9093"},
           {"controller.quorum.voters", "1@n:9093,2@m:9093,3@o:9093"},
           {"log.dirs", "/a"}});
      ASSERT_TRUE(parsed.has_value()) << parsed.error();
      Broker broker{world, std::move(parsed->config)};
      const auto started = broker.start();
      if (!started) refused = started.error();
    });
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->code, ExitCode::corrupt_metadata);
    EXPECT_THAT(refused->message, HasSubstr("/a: not formatted"));
    EXPECT_THAT(refused->message, HasSubstr("squall-broker format"));
    EXPECT_FALSE(has("/a/meta.properties"));
  }
}

TEST_F(FormatTest, ARandomClusterIdIsOne) {
  run([](runtime::World& world) {
    const std::string id = new_cluster_id(world);
    EXPECT_THAT(id, SizeIs(22));
    EXPECT_TRUE(Uuid::parse(id).has_value());
  });
}

}  // namespace
}  // namespace squall::broker
