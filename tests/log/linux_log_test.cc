// The same log on the real file system.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/linux/linux_world.h"
#include "tests/log/log_fixture.h"
#include "tests/runtime/scratch_dir.h"

namespace squall::log {
namespace {

class LinuxLogTest : public testing::Test {
 protected:
  LogManagerOptions options() {
    LogManagerOptions options;
    options.log_dirs = {dir_ / "data"};
    options.cluster_id = "MkU3OEVBNTcwNTJENDM2Qg";
    options.node_id = NodeId{1};
    options.config_of = [this](std::string_view) { return config_; };
    return options;
  }
  runtime::ScratchDir dir_;
  LogConfig config_;
};

TEST_F(LinuxLogTest, RecordsOutliveAStopAndAKill) {
  config_.segment_bytes = 20'000;
  runtime::LinuxWorld world;
  Offset end{0};
  for (int life = 0; life < 4; ++life) {
    world.run([&] {
      LogManager manager{world, options()};
      ASSERT_TRUE(manager.open().has_value());
      manager.start();
      const auto log = manager.create_log(orders, orders_id);
      ASSERT_TRUE(log.has_value());
      ASSERT_EQ((*log)->log_end_offset(), end);
      EXPECT_EQ(manager.was_clean_shutdown(), life == 2);
      for (int i = 0; i < 50; ++i) {
        ByteBuffer bytes = make_batch({.records = 4, .value_bytes = 200});
        const auto appended = (*log)->append(bytes, LeaderEpoch{life}, AppendOrigin::client);
        ASSERT_TRUE(appended.has_value());
        end = appended->end_offset();
      }
      EXPECT_EQ(all_batches(**log, Offset{0}).size(), static_cast<std::size_t>(50 * (life + 1)));
      if (life == 1) manager.shutdown();
    });
    if (HasFatalFailure()) return;
  }
}

TEST_F(LinuxLogTest, TheDirectoryIsLaidOutAsKafkas) {
  runtime::LinuxWorld world;
  world.run([&] {
    LogManager manager{world, options()};
    ASSERT_TRUE(manager.open().has_value());
    const auto log = *manager.create_log(orders, orders_id);
    ByteBuffer bytes = make_batch({.records = 2});
    ASSERT_TRUE(log->append(bytes, LeaderEpoch{0}, AppendOrigin::client).has_value());
    manager.shutdown(3);
  });
  const auto text = [&](const std::string& name) {
    std::ifstream in{dir_ / ("data/" + name)};
    return std::string{std::istreambuf_iterator<char>{in}, {}};
  };
  EXPECT_EQ(text("recovery-point-offset-checkpoint"), "0\n1\norders 0 2\n");
  EXPECT_EQ(text("orders-0/leader-epoch-checkpoint"), "0\n1\n0 0\n");
  EXPECT_EQ(text("orders-0/partition.metadata"), "version: 0\ntopic_id: " + orders_id.to_string());
  EXPECT_EQ(text(".kafka_cleanshutdown"), "{\"version\":0,\"brokerEpoch\":3}");
  EXPECT_EQ(text("orders-0/00000000000000000000.timeindex").size(), 12U);
  EXPECT_EQ(text("orders-0/00000000000000000002.snapshot").size(), 10U);
}

TEST_F(LinuxLogTest, ASegmentOfTwoGibibytesIsRefusedAndLeftAsItIs) {
  runtime::LinuxWorld world;
  world.run([&] {
    LogManager manager{world, options()};
    ASSERT_TRUE(manager.open().has_value());
    const auto log = *manager.create_log(orders, orders_id);
    ByteBuffer bytes = make_batch({.records = 2});
    ASSERT_TRUE(log->append(bytes, LeaderEpoch{0}, AppendOrigin::client).has_value());
    manager.shutdown(3);
  });
  const std::string segment = dir_ / "data/orders-0/00000000000000000000.log";
  constexpr std::uintmax_t two_gibibytes = std::uintmax_t{1} << 31;
  std::filesystem::resize_file(segment, two_gibibytes);  // sparse: it takes no room
  world.run([&] {
    LogManager manager{world, options()};
    ASSERT_TRUE(manager.open().has_value());
    const auto log = manager.find(orders);
    ASSERT_NE(log, nullptr);
    EXPECT_TRUE(log->state().quarantined);
    ByteBuffer bytes = make_batch({.records = 2});
    EXPECT_EQ(log->append(bytes, LeaderEpoch{0}, AppendOrigin::client).error().code, LogError::storage_error);
    manager.shutdown(4);
  });
  EXPECT_EQ(std::filesystem::file_size(segment), two_gibibytes);
}

}  // namespace
}  // namespace squall::log
