#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "log/log_manager.h"
#include "log/meta_properties.h"
#include "runtime/task.h"
#include "tests/log/log_fixture.h"

namespace squall::log {
namespace {

using ManagerTest = LogFixture;

TEST_F(ManagerTest, ANewDirectoryGetsAnIdentityThatStays) {
  Uuid id;
  boot([&](LogManager& manager) {
    id = manager.dirs().at(0).directory_id;
    EXPECT_FALSE(id.is_zero());
    EXPECT_FALSE(manager.was_clean_shutdown());
  });
  boot(
      [&](LogManager& manager) {
        EXPECT_EQ(manager.dirs().at(0).directory_id, id);
        EXPECT_TRUE(manager.was_clean_shutdown());
        EXPECT_EQ(manager.previous_broker_epoch(), 7);
      },
      End::crash);
  boot([&](LogManager& manager) {  // KAFKA-10471: the mark was removed when loading began
    EXPECT_FALSE(manager.was_clean_shutdown());
    EXPECT_EQ(manager.previous_broker_epoch(), -1);
  });
}

TEST_F(ManagerTest, ADirectoryOfSomebodyElseIsRefusedInOneClearLine) {
  boot([&](LogManager&) {});
  const auto meta = [&](std::string_view text) { disk_.put("/d1/meta.properties", as_bytes(text)); };
  meta("version=1\ncluster.id=other\nnode.id=1\n");
  boot([&](LogManager&) { FAIL(); });
  EXPECT_TRUE(open_error_->reason.starts_with("meta.properties: belongs to cluster other, not MkU3OEVBNTcwNTJENDM2Qg like "))
      << open_error_->reason;
  meta("version=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\nnode.id=2\n");
  boot([&](LogManager&) { FAIL(); });
  EXPECT_TRUE(open_error_->reason.starts_with("meta.properties: belongs to node 2, not 1; correct node.id"))
      << open_error_->reason;
  meta("\x01\x02garbage");
  boot([&](LogManager&) { FAIL(); });
  EXPECT_TRUE(open_error_->reason.starts_with("meta.properties: ")) << open_error_->reason;
}

TEST_F(ManagerTest, ADirectoryWithLogsAndNoIdentityIsNotGivenANewOne) {
  boot([&](LogManager& manager) { ASSERT_TRUE(manager.create_log(orders, orders_id).has_value()); });
  disk_.erase("/d1/meta.properties");
  boot([&](LogManager&) { FAIL(); });
  EXPECT_TRUE(open_error_->reason.starts_with("meta.properties is gone, but there are logs")) << open_error_->reason;
  EXPECT_EQ(disk_.file("/d1/meta.properties"), nullptr);
}

TEST_F(ManagerTest, AnEmptyDirectoryJoinsTheClusterOfTheOthers) {
  dirs_ = {"/d1", "/d2"};
  cluster_id_ = "";
  std::string cluster;
  boot([&](LogManager& manager) { cluster = manager.cluster_id(); });
  disk_.erase("/d1/meta.properties");
  for (int start = 0; start < 2; ++start) {
    boot([&](LogManager& manager) { EXPECT_EQ(manager.cluster_id(), cluster); });
    EXPECT_FALSE(open_error_.has_value());
  }
  EXPECT_NE(disk_.file("/d1/meta.properties"), nullptr);
}

TEST_F(ManagerTest, AStartThatIsRefusedHasWrittenNothing) {
  dirs_ = {"/d1", "/d2"};
  boot([&](LogManager&) {}, End::clean);
  disk_.erase("/d1/meta.properties");
  disk_.put("/d2/meta.properties", as_bytes("version=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\nnode.id=2\n"));
  boot([&](LogManager&) { FAIL(); });
  EXPECT_EQ(disk_.file("/d1/meta.properties"), nullptr);
  EXPECT_NE(disk_.file("/d1/.kafka_cleanshutdown"), nullptr);
}

TEST_F(ManagerTest, ADirectoryIsLocked) {
  boot([&](LogManager&) {
    LogManager second{*world_, options()};
    const auto opened = second.open();
    ASSERT_FALSE(opened.has_value());
    EXPECT_TRUE(opened.error().reason.starts_with("another process uses this log directory")) << opened.error().reason;
  });
}

TEST_F(ManagerTest, LogsAreFoundAgain) {
  boot([&](LogManager& manager) {
    for (int i = 0; i < 3; ++i) {
      const auto log = manager.create_log({"orders", PartitionIndex{i}}, orders_id);
      ASSERT_TRUE(log.has_value());
      ASSERT_TRUE(append(**log, {.records = i + 1}).has_value());
      (*log)->update_high_watermark(Offset{i});
    }
    EXPECT_EQ(*manager.create_log(orders, orders_id), manager.find(orders)) << "the same one";
  });
  boot([&](LogManager& manager) {
    ASSERT_EQ(manager.logs().size(), 3U);
    for (int i = 0; i < 3; ++i) {
      const auto log = manager.find({"orders", PartitionIndex{i}});
      EXPECT_EQ(log->topic_id(), orders_id);
      EXPECT_EQ(log->log_end_offset(), Offset{i + 1});
      EXPECT_EQ(log->high_watermark(), Offset{i});
      EXPECT_EQ(log->recovery_point(), Offset{i + 1});
    }
  });
}

TEST_F(ManagerTest, SyncedRecordsThatAreGoneAreTold) {
  const TopicPartition whole{"whole", PartitionIndex{0}};
  const TopicPartition shorter{"shorter", PartitionIndex{0}};
  const TopicPartition gone{"gone", PartitionIndex{0}};
  boot([&](LogManager& manager) {
    for (const TopicPartition& partition : {whole, shorter, gone}) {
      const auto log = manager.create_log(partition, orders_id);
      ASSERT_TRUE(log.has_value());
      ASSERT_TRUE(append(**log, {.records = 5}).has_value());
      EXPECT_EQ(manager.lost_below(partition), std::nullopt);
    }
  });
  world_->run([&] {
    ASSERT_TRUE(remove_directory(*world_, "/d1/gone-0").has_value());
    auto segment = world_->open("/d1/shorter-0/00000000000000000000.log", runtime::OpenMode::read_write);
    ASSERT_TRUE(segment.has_value());
    ASSERT_TRUE((*segment)->truncate(0).has_value());
  });
  boot([&](LogManager& manager) {
    EXPECT_EQ(manager.lost_below(whole), std::nullopt);
    EXPECT_EQ(manager.lost_below(shorter), Offset{5});
    EXPECT_EQ(manager.lost_below(gone), Offset{5});
  });
}

TEST_F(ManagerTest, NewLogsGoWhereTheFewestAre) {
  dirs_ = {"/d1", "/d2", "/d3"};
  boot([&](LogManager& manager) {
    for (int i = 0; i < 9; ++i) ASSERT_TRUE(manager.create_log({"t", PartitionIndex{i}}, orders_id).has_value());
    for (const auto& dir : manager.dirs()) EXPECT_EQ(dir.logs.size(), 3U) << dir.path;
  });
}

TEST_F(ManagerTest, LogsThatAreMadeAtOnceShareTheSyncsOfTheirDirectory) {
  dirs_ = {"/d1", "/d2"};
  constexpr int count = 40;
  boot([&](LogManager& manager) {
    int syncs = 0;
    world_->fault = [&](std::string_view call, const std::string& file) -> std::optional<runtime::IoError> {
      if (call == "sync_dir" && (file == "/d1" || file == "/d2")) ++syncs;
      return std::nullopt;
    };
    std::vector<runtime::Task<void>> fibers;
    for (int i = 0; i < count; ++i) {
      fibers.push_back(runtime::start_task(*world_, "opener", [&manager, i] {
        ASSERT_TRUE(manager.create_log({"t", PartitionIndex{i}}, orders_id).has_value());
      }));
    }
    for (auto& fiber : fibers) ASSERT_TRUE(fiber.join().has_value());
    world_->fault = {};
    EXPECT_LE(syncs, count / 2);
    for (const auto& dir : manager.dirs()) EXPECT_EQ(dir.logs.size(), 20U) << dir.path;
  });
  EXPECT_EQ(disk_.directory("/d1")->durable_directories.size(), 20U);
  EXPECT_EQ(disk_.directory("/d2")->durable_directories.size(), 20U);
}

TEST_F(ManagerTest, WhoeverMakesALogAtTheSameTimeGetsTheSameOne) {
  boot([&](LogManager& manager) {
    std::vector<std::shared_ptr<Log>> logs;
    std::vector<runtime::Task<void>> fibers;
    for (int i = 0; i < 3; ++i) {
      fibers.push_back(
          runtime::start_task(*world_, "opener", [&] { logs.push_back(manager.create_log(orders, orders_id).value()); }));
    }
    for (auto& fiber : fibers) ASSERT_TRUE(fiber.join().has_value());
    EXPECT_THAT(logs, testing::Each(manager.find(orders)));
  });
}

TEST_F(ManagerTest, ALogIsMadeInTheDirectoryThatIsNamed) {
  dirs_ = {"/d1", "/d2", "/d3"};
  boot([&](LogManager& manager) {
    const auto made = manager.create_log(orders, orders_id, PartitionAge::known, "/d2");
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ((*made)->path(), "/d2/orders-0");
  });
}

TEST_F(ManagerTest, ALogInTwoDirectoriesIsRefused) {
  dirs_ = {"/d1", "/d2"};
  boot([&](LogManager& manager) { ASSERT_TRUE(manager.create_log(orders, orders_id).has_value()); });
  const auto second = disk_.directory("/d2");
  second->directories["orders-0"] = second->durable_directories["orders-0"] = std::make_shared<tests::MemoryDirectory>();
  disk_.put("/d2/orders-0/00000000000000000000.log", {});
  boot([&](LogManager&) { FAIL(); });
  EXPECT_EQ(open_error_->reason, "orders-0 is in another log directory, too");
}

TEST_F(ManagerTest, AHalfMadeLogGivesWayToTheOneInAnotherDirectory) {
  dirs_ = {"/d1", "/d2"};
  boot([&](LogManager& manager) {
    world_->fault = [](std::string_view call, const std::string& file) {
      const bool struck = call == "open" && file.starts_with("/d1/orders-0/partition.metadata");
      return struck ? std::optional{runtime::IoError::no_space} : std::nullopt;
    };
    EXPECT_FALSE(manager.create_log(orders, orders_id).has_value());
    world_->fault = {};
    const auto made = manager.create_log(orders, orders_id, PartitionAge::made_now);
    ASSERT_TRUE(made.has_value());
    ASSERT_TRUE(append(**made, {.records = 3}).has_value());
  });
  EXPECT_NE(disk_.directory("/d1/orders-0"), nullptr);
  boot([&](LogManager& manager) {
    ASSERT_NE(manager.find(orders), nullptr);
    EXPECT_EQ(manager.find(orders)->log_end_offset(), Offset{3});
    EXPECT_EQ(disk_.directory("/d1/orders-0"), nullptr);
    EXPECT_NE(disk_.directory("/d2/orders-0"), nullptr);
  });
}

TEST_F(ManagerTest, ANewLogIsDurableAfterThreeSyncs) {
  boot([&](LogManager& manager) {
    std::vector<std::string> synced;
    world_->fault = [&](std::string_view call, const std::string& file) -> std::optional<runtime::IoError> {
      if (call.starts_with("sync")) synced.push_back(file);
      return std::nullopt;
    };
    ASSERT_TRUE(manager.create_log(orders, orders_id).has_value());
    EXPECT_EQ(synced, (std::vector<std::string>{"/d1/orders-0/partition.metadata.tmp", "/d1/orders-0", "/d1"}));
    world_->fault = {};
  });
}

// Of the names in a directory that was never synced, a power cut keeps any.
TEST_F(ManagerTest, ALogThatAPowerCutLeftWithoutItsTopicIsThatOfWhoeverAsksForIt) {
  boot([&](LogManager&) {});
  const auto directory = disk_.directory("/d1");
  directory->directories["orders-0"] = directory->durable_directories["orders-0"] = std::make_shared<tests::MemoryDirectory>();
  disk_.put("/d1/orders-0/00000000000000000000.log", {});
  for (int round = 0; round < 2; ++round) {
    boot([&](LogManager& manager) {
      const auto log = manager.create_log(orders, orders_id);
      ASSERT_TRUE(log.has_value());
      EXPECT_EQ((*log)->topic_id(), orders_id);
      EXPECT_EQ((*log)->log_end_offset(), Offset{round});
      ASSERT_TRUE(append(**log, {.records = 1}).has_value());
    });
  }
}

TEST_F(ManagerTest, ACheckpointThatFindsNoDescriptorFreeIsWrittenAtItsNextTurn) {
  boot([&](LogManager& manager) {
    const auto log = *manager.create_log(orders, orders_id);
    ASSERT_TRUE(append(*log, {.records = 3}).has_value());
    ASSERT_TRUE(log->flush().has_value());
    world_->fault = [](std::string_view call, const std::string& file) {
      const bool struck = call == "open" && file.contains(recovery_point_checkpoint_name);
      return struck ? std::optional{runtime::IoError::too_many_open} : std::nullopt;
    };
    EXPECT_TRUE(log->checkpoint_recovery_point().has_value());
    EXPECT_TRUE(manager.dirs()[0].online);
    world_->fault = {};
    ASSERT_TRUE(log->checkpoint_recovery_point().has_value());
    const auto file = disk_.file(manager.dirs()[0].path + "/" + std::string{recovery_point_checkpoint_name});
    ASSERT_NE(file, nullptr);
  });
}

TEST_F(ManagerTest, OneFailedDirectoryDoesNotStopTheOthers) {
  dirs_ = {"/d1", "/d2"};
  boot(
      [&](LogManager& manager) {
        const auto first = *manager.create_log({"t", PartitionIndex{0}}, orders_id);
        const auto second = *manager.create_log({"t", PartitionIndex{1}}, orders_id);
        world_->fault = [](std::string_view call, const std::string& file) -> std::optional<runtime::IoError> {
          if (call == "pwritev" && file.starts_with("/d1/")) return runtime::IoError::io_failure;
          return std::nullopt;
        };
        EXPECT_FALSE(append(*first).has_value());
        EXPECT_TRUE(append(*second).has_value());
        EXPECT_FALSE(manager.dirs()[0].online);
        EXPECT_TRUE(manager.dirs()[1].online);
        EXPECT_EQ(manager.create_log({"t", PartitionIndex{2}}, orders_id, PartitionAge::made_now).value()->state().dir->path(),
                  "/d2");
        EXPECT_EQ(failed_dirs_, std::vector<std::string>{"/d1"});
      },
      End::clean);
  EXPECT_EQ(disk_.file("/d1/.kafka_cleanshutdown"), nullptr) << "it did not stop cleanly";
  EXPECT_NE(disk_.file("/d2/.kafka_cleanshutdown"), nullptr);
  boot([&](LogManager& manager) { EXPECT_EQ(manager.logs().size(), 3U); });
}

TEST_F(ManagerTest, ALogThatMayBeInAFailedDirectoryIsNotMadeAnew) {
  dirs_ = {"/d1", "/d2"};
  const TopicPartition there{"t", PartitionIndex{0}};
  boot([&](LogManager& manager) { ASSERT_EQ((*manager.create_log(there, orders_id))->state().dir->path(), "/d1"); });
  boot(
      [&](LogManager& manager) {
        ASSERT_FALSE(manager.dirs()[0].online);
        EXPECT_EQ(manager.create_log(there, orders_id), std::unexpected(LogError::storage_error));
        EXPECT_TRUE(manager.create_log({"t", PartitionIndex{1}}, orders_id, PartitionAge::made_now).has_value());
      },
      End::crash, 1,
      [](tests::MemoryWorld& world) {
        world.fault = [](std::string_view, const std::string& file) {
          return file.starts_with("/d1") ? std::optional{runtime::IoError::io_failure} : std::nullopt;
        };
      });
  boot([&](LogManager& manager) { EXPECT_EQ(manager.find(there)->state().dir->path(), "/d1"); });
}

TEST_F(ManagerTest, TheNameOfALogWhoseCreationWasCutShortIsDurableBeforeItServes) {
  boot([&](LogManager& manager) {
    world_->fault = [](std::string_view call, const std::string& file) {
      return call == "sync_dir" && file == "/d1" ? std::optional{runtime::IoError::io_failure} : std::nullopt;
    };
    EXPECT_FALSE(manager.create_log(orders, orders_id).has_value());
  });
  ASSERT_FALSE(disk_.directory("/d1")->durable_directories.contains("orders-0"));
  boot([&](LogManager& manager) { EXPECT_NE(manager.find(orders), nullptr); });
  EXPECT_TRUE(disk_.directory("/d1")->durable_directories.contains("orders-0"));
}

TEST_F(ManagerTest, WithoutAnyDirectoryItDoesNotOpen) {
  boot([&](LogManager&) { FAIL(); }, End::crash, 1,
       [](tests::MemoryWorld& world) {
         world.fault = [](std::string_view, const std::string&) { return std::optional{runtime::IoError::read_only}; };
       });
  EXPECT_TRUE(open_error_->reason.starts_with("no log directory is usable (/d1: ")) << open_error_->reason;
  EXPECT_TRUE(open_error_->reason.contains("see to the disk")) << open_error_->reason;
}

TEST_F(ManagerTest, ARemovedLogIsGoneAtOnceAndItsFilesLater) {
  boot([&](LogManager& manager) {
    const auto log = *manager.create_log(orders, orders_id);
    ASSERT_TRUE(append(*log).has_value());
    ASSERT_TRUE(manager.remove_log(orders).has_value());
    EXPECT_EQ(manager.find(orders), nullptr);
    EXPECT_EQ(append(*log).error().code, LogError::not_found);
    EXPECT_EQ(disk_.directory("/d1/orders-0"), nullptr);
    ASSERT_EQ(disk_.directory("/d1")->directories.size(), 1U);
    EXPECT_TRUE(disk_.directory("/d1")->directories.begin()->first.ends_with("-delete"));
    const auto again = manager.create_log(orders, Uuid{9, 9});
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ((*again)->log_end_offset(), Offset{0});
    world_->sleep_until(world_->now() + std::chrono::milliseconds{config_.file_delete_delay_ms + 1});
    EXPECT_EQ(disk_.directory("/d1")->directories.size(), 1U);
    EXPECT_TRUE(append(**again).has_value());
    EXPECT_EQ(manager.remove_log({"nope", PartitionIndex{0}}).error(), LogError::not_found);
  });
}

// The new one would be cut, or held to be damaged, by what its namesake had flushed.
TEST_F(ManagerTest, ANewLogInheritsNothingFromOneOfTheSameName) {
  constexpr std::array files{"/d1/recovery-point-offset-checkpoint", "/d1/replication-offset-checkpoint",
                             "/d1/log-start-offset-checkpoint"};
  const auto told = [&](const char* file) {
    return as_text(disk_.file(file)->durable).find("orders 0 ") != std::string_view::npos;
  };
  const auto fill = [&](LogManager& manager) {
    const auto log = manager.create_log(orders, orders_id);
    ASSERT_TRUE(log.has_value());
    ByteBuffer batch = make_batch({.records = 5});
    ASSERT_TRUE((*log)->append(batch, LeaderEpoch{0}, AppendOrigin::client).has_value());
    ASSERT_TRUE((*log)->flush().has_value());
    (*log)->update_high_watermark(Offset{5});
    manager.checkpoint();
    for (const char* file : files) EXPECT_TRUE(told(file)) << file;
    ASSERT_TRUE(manager.remove_log(orders).has_value());
  };
  boot(
      [&](LogManager& manager) {
        fill(manager);
        ASSERT_TRUE(manager.create_log(orders, Uuid{9, 9}).has_value());
        for (const char* file : files) EXPECT_FALSE(told(file)) << file;
        ASSERT_TRUE(manager.remove_log(orders).has_value());
        fill(manager);
      },
      End::crash);
  for (const char* file : files) EXPECT_TRUE(told(file)) << file;
  boot([&](LogManager& manager) {  // after a restart, too
    ASSERT_TRUE(manager.create_log(orders, Uuid{9, 9}).has_value());
    for (const char* file : files) EXPECT_FALSE(told(file)) << file;
  });
}

TEST_F(ManagerTest, WhatWasLeftOfARemovedLogGoesAtTheNextStart) {
  boot([&](LogManager& manager) {
    ASSERT_TRUE(manager.create_log(orders, orders_id).has_value());
    ASSERT_TRUE(manager.remove_log(orders).has_value());
  });
  EXPECT_EQ(disk_.directory("/d1")->directories.size(), 1U);
  boot([&](LogManager& manager) {
    EXPECT_EQ(manager.logs().size(), 0U);
    world_->sleep_until(world_->now() + std::chrono::milliseconds{1});
    EXPECT_EQ(disk_.directory("/d1")->directories.size(), 0U);
  });
}

TEST_F(ManagerTest, ARemovalDuringAFlushHarmsNobody) {  // KAFKA-19571
  config_.segment_bytes = 600;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    disk_ = {};
    boot(
        [&](LogManager& manager) {
          const auto log = *manager.create_log(orders, orders_id);
          for (int i = 0; i < 10; ++i) ASSERT_TRUE(append(*log, {.value_bytes = 300}).has_value());
          world_->spawn("flush", [log] { (void)log->flush(); });
          ASSERT_TRUE(manager.remove_log(orders).has_value());
          EXPECT_TRUE(manager.dirs()[0].online);
          EXPECT_TRUE(manager.create_log(orders, Uuid{1, 1}).has_value());
        },
        End::clean, seed);
    EXPECT_EQ(failed_dirs_.size(), 0U) << "seed " << seed;
  }
}

TEST_F(ManagerTest, AStrayOfADeletedTopicIsSetAside) {  // KAFKA-14616
  boot([&](LogManager& manager) {
    ASSERT_TRUE(append(**manager.create_log(orders, orders_id), {.records = 5}).has_value());
    const auto fresh = manager.create_log(orders, Uuid{7, 7});
    ASSERT_TRUE(fresh.has_value());
    EXPECT_EQ((*fresh)->log_end_offset(), Offset{0});
    EXPECT_EQ((*fresh)->topic_id(), (Uuid{7, 7}));
  });
  boot([&](LogManager& manager) {
    EXPECT_EQ(manager.logs().size(), 1U) << "the stray is not served";
    EXPECT_EQ(disk_.directory("/d1")->directories.size(), 2U) << "and not deleted";
  });
}

TEST_F(ManagerTest, AShutdownLeavesNoFiber) {
  boot([&](LogManager& manager) {
    const auto log = *manager.create_log(orders, orders_id);
    ASSERT_TRUE(append(*log).has_value());
    ASSERT_TRUE(log->roll().has_value());
    manager.shutdown();
    EXPECT_EQ(world_->fibers(), 1U) << "the one that runs this test";
    EXPECT_EQ(append(*log).error().code, LogError::not_found);
  });
}

TEST_F(ManagerTest, CheckpointsThatMakeNoSenseAreIgnored) {
  boot([&](LogManager& manager) { ASSERT_TRUE(append(**manager.create_log(orders, orders_id), {.records = 4}).has_value()); });
  for (const char* name :
       {"recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "replication-offset-checkpoint"}) {
    disk_.put("/d1/" + std::string{name}, as_bytes("0\n7\nrubbish"));
  }
  boot([&](LogManager& manager) {
    EXPECT_EQ(manager.find(orders)->log_end_offset(), Offset{4});
    EXPECT_EQ(all_batches(*manager.find(orders), Offset{0}).size(), 1U);
    EXPECT_EQ(world_->count(runtime::EventName::checkpoint_ignored), 3U);
  });
}

}  // namespace
}  // namespace squall::log
