#include "sim/disk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/fixture.h"

namespace squall::sim {
namespace {

class DiskTest : public testing::Test {
 protected:
  explicit DiskTest(std::uint64_t page_cache_bytes = 1 << 30) {
    HardwareProfile profile = default_profile();
    profile.page_cache_bytes = page_cache_bytes;
    profile.disk = {.iops = 1'000,
                    .read_bytes_per_second = 100'000'000,
                    .write_bytes_per_second = 100'000'000,
                    .latency = 1ms,
                    .sync_latency = 5ms,
                    .capacity_bytes = 1'000'000'000};
    node = &simulation.add_node({.name = "a", .profile = profile, .disks = {{.mount = "/data1"}, {.mount = "/data2"}}});
  }
  // Runs `function` as the node's process, to its end.
  void on_node(std::function<void(runtime::World&)> function) {
    bool finished = false;
    node->start("main", [&](runtime::World& world) {
      function(world);
      finished = true;
    });
    simulation.run_for(10s);
    EXPECT_TRUE(finished);
  }
  [[nodiscard]] std::uint64_t effects(FaultId fault) { return simulation.ledger().entries()[fault - 1].effects; }

  Simulation simulation{quiet()};
  Node* node;
};

TEST_F(DiskTest, FilesAndDirectoriesBehaveAsTheSeamSays) {
  on_node([](runtime::World& world) {
    EXPECT_EQ(world.open("/data1/x", OpenMode::read).error(), IoError::not_found);
    EXPECT_EQ(world.open("/data1/no/x", OpenMode::create).error(), IoError::not_found);
    EXPECT_TRUE(world.create_dir("/data1/topic"));
    EXPECT_EQ(world.create_dir("/data1/topic").error(), IoError::already_exists);
    auto file = world.open("/data1/topic/x", OpenMode::create_new);
    ASSERT_TRUE(file);
    EXPECT_EQ(world.open("/data1/topic/x", OpenMode::create_new).error(), IoError::already_exists);
    EXPECT_EQ(world.open("/data1/topic", OpenMode::read).error(), IoError::is_a_directory);
    EXPECT_TRUE(runtime::pwrite_all(**file, as_bytes("hello"), 3));
    EXPECT_EQ((*file)->size(), 8U);
    ByteBuffer buffer(10, 0xff);
    EXPECT_EQ(runtime::pread_full(**file, buffer, 0), 8U);
    EXPECT_EQ(as_text(ByteView{buffer}.first(8)), std::string_view("\0\0\0hello", 8));
    EXPECT_EQ((*file)->pread(buffer, 8), 0U);
    EXPECT_TRUE((*file)->truncate(5));
    EXPECT_EQ((*file)->size(), 5U);
    EXPECT_EQ((*world.open("/data1/topic/x", OpenMode::read))->truncate(0).error(), IoError::access_denied);
    EXPECT_TRUE(world.rename("/data1/topic/x", "/data1/topic/y"));
    EXPECT_EQ(world.rename("/data1/topic/y", "/data2/y").error(), IoError::invalid_argument);  // another disk
    EXPECT_TRUE(world.open("/data1/topic/a", OpenMode::create));
    const auto entries = world.list("/data1/topic");
    ASSERT_EQ(entries->size(), 2U);
    EXPECT_EQ((*entries)[0].name, "a");
    EXPECT_EQ((*entries)[1].name, "y");
    EXPECT_EQ(world.remove("/data1/topic").error(), IoError::not_empty);
    EXPECT_TRUE(world.remove("/data1/topic/a"));
    EXPECT_TRUE(world.remove("/data1/topic/y"));
    EXPECT_TRUE(world.remove("/data1/topic"));
    EXPECT_EQ((*file)->size(), 5U);  // an open file outlives its name
    EXPECT_EQ(world.list("/data1/topic").error(), IoError::not_found);
  });
}

TEST_F(DiskTest, ASyncCostsDeviceTimeAndReadsOfCachedBytesDoNot) {
  on_node([](runtime::World& world) {
    auto file = *world.open("/x", OpenMode::create);
    const Instant start = world.now();
    EXPECT_TRUE(runtime::pwrite_all(*file, filled(1'000'000, 1), 0));
    EXPECT_EQ(world.now(), start);
    EXPECT_TRUE(file->sync());
    EXPECT_GE(world.now() - start, 15ms);  // 10 ms of transfer, 5 ms of flush
    EXPECT_LT(world.now() - start, 20ms);
    const Instant synced = world.now();
    ByteBuffer buffer(1'000'000);
    EXPECT_TRUE(file->pread(buffer, 0));
    EXPECT_TRUE(file->sync());  // nothing to do
    EXPECT_EQ(world.now(), synced);
  });
}

TEST_F(DiskTest, ColdReadsCostDeviceTime) {
  on_node([this](runtime::World& world) {
    write_file(world, "/x", filled(1'000'000, 1), true);
    auto file = *world.open("/x", OpenMode::read);
    node->drop_caches();
    ByteBuffer buffer(1'000'000);
    const Instant cold = world.now();
    EXPECT_TRUE(file->pread(buffer, 0));
    EXPECT_GE(world.now() - cold, 11ms);
    const Instant warm = world.now();
    EXPECT_TRUE(file->pread(buffer, 0));
    EXPECT_EQ(world.now(), warm);
  });
}

class SmallCache : public DiskTest {
 protected:
  SmallCache() : DiskTest{4 * PageCache::chunk_bytes} {}
};

TEST_F(SmallCache, TheLeastRecentlyUsedChunksAreEvicted) {
  on_node([this](runtime::World& world) {
    const auto chunk = PageCache::chunk_bytes;
    write_file(world, "/x", filled(chunk * 6, 1), true);
    EXPECT_EQ(node->page_cache().resident_bytes(), 4 * chunk);
    auto file = *world.open("/x", OpenMode::read);
    const auto time_of = [&](std::uint64_t index) {
      const Instant before = world.now();
      ByteBuffer byte(1);
      EXPECT_TRUE(file->pread(byte, index * chunk));
      return world.now() - before;
    };
    EXPECT_EQ(time_of(2), 0ms);
    EXPECT_EQ(time_of(5), 0ms);
    EXPECT_GT(time_of(0), 1ms);  // pushes 3 out, which was used longest ago
    EXPECT_EQ(time_of(2), 0ms);
    EXPECT_GT(time_of(3), 1ms);
  });
}

TEST_F(SmallCache, ASmallFileTakesItsPagesAndNotAChunk) {
  on_node([this](runtime::World& world) {
    for (int i = 0; i < 40; ++i) write_file(world, "/x" + std::to_string(i), as_bytes("short"), true);
    EXPECT_EQ(node->page_cache().resident_bytes(), 40 * PageCache::page_bytes);
    write_file(world, "/x0", filled(3 * PageCache::page_bytes, 1), true);
    EXPECT_EQ(node->page_cache().resident_bytes(), 42 * PageCache::page_bytes) << "as it grows";
    for (int i = 40; i < 80; ++i) write_file(world, "/x" + std::to_string(i), as_bytes("short"), true);
    EXPECT_LE(node->page_cache().resident_bytes(), 4 * PageCache::chunk_bytes);
  });
}

TEST_F(DiskTest, DirtyBytesAreWrittenBackInTheBackgroundAfterHalfAMinute) {
  on_node([](runtime::World& world) { write_file(world, "/x", as_bytes("old enough"), false); });
  EXPECT_EQ(node->disk().dirty_bytes(), 10U);
  simulation.run_for(40s);
  EXPECT_EQ(node->disk().dirty_bytes(), 0U);
  node->power_cut({.keep = 0, .drop = 1, .tear = 0});
  EXPECT_EQ(text_of(*node, "/x"), "old enough");
}

// ---- power cuts ----

TEST_F(DiskTest, APowerCutTakesWhatWasNotSyncedAndACrashDoesNot) {
  on_node([](runtime::World& world) {
    write_file(world, "/x", as_bytes("synced"), true);
    EXPECT_TRUE(world.sync_dir("/"));
    auto file = *world.open("/x", OpenMode::read_write);
    EXPECT_TRUE(runtime::pwrite_all(*file, as_bytes("NEW and more"), 0));
  });
  EXPECT_EQ(text_of(*node, "/x"), "NEW and more");
  node->power_cut({.keep = 0, .drop = 1, .tear = 0});
  EXPECT_EQ(text_of(*node, "/x"), "synced");
}

TEST_F(DiskTest, EachUnsyncedNameSurvivesOrNotAndASyncedOneAlwaysDoes) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Simulation run{quiet(seed)};
    Node& machine = run.add_node({.name = "a"});
    machine.start("main", [](runtime::World& world) {
      EXPECT_TRUE(world.create_dir("/d"));
      EXPECT_TRUE(world.sync_dir("/"));
      write_file(world, "/d/sure", as_bytes("1"), true);
      EXPECT_TRUE(world.sync_dir("/d"));
      write_file(world, "/d/new", as_bytes("2"), true);
      EXPECT_TRUE(world.rename("/d/sure", "/d/moved"));
      world.park();
    });
    run.run_for(1s);
    machine.power_cut();
    std::string outcome;
    for (const auto* name : {"sure", "moved", "new"}) {
      if (machine.disk().peek(std::string{"/d/"} + name)) outcome += std::string{name} + " ";
    }
    outcomes.insert(outcome);
  }
  // A rename happens whole or not at all, independently of the creation.
  EXPECT_EQ(outcomes, (std::set<std::string>{"sure ", "moved ", "sure new ", "moved new "}));
}

TEST_F(DiskTest, ARenameOverAFileLeavesTheOldOrTheNewContent) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Simulation run{quiet(seed)};
    Node& machine = run.add_node({.name = "a"});
    machine.start("main", [](runtime::World& world) {
      write_file(world, "/checkpoint", as_bytes("old"), true);
      EXPECT_TRUE(world.sync_dir("/"));
      write_file(world, "/checkpoint.tmp", as_bytes("new"), true);
      EXPECT_TRUE(world.rename("/checkpoint.tmp", "/checkpoint"));
      world.park();
    });
    run.run_for(1s);
    machine.power_cut();
    outcomes.insert(text_of(machine, "/checkpoint"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"old", "new"}));
}

TEST_F(DiskTest, AForgottenSyncOfTheContentCanLeaveAnEmptyFileBehindADurableName) {
  bool empty = false;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation run{quiet(seed)};
    Node& machine = run.add_node({.name = "a"});
    machine.start("main", [](runtime::World& world) {
      write_file(world, "/x", as_bytes("content"), false);
      EXPECT_TRUE(world.sync_dir("/"));
      world.park();
    });
    run.run_for(1s);
    machine.power_cut();
    EXPECT_TRUE(machine.disk().peek("/x"));
    empty |= text_of(machine, "/x").empty();
  }
  EXPECT_TRUE(empty);
}

// ---- faults ----

TEST_F(DiskTest, AStallHoldsUpRequestsUnderWayToo) {
  FaultId fault = 0;
  simulation.after(1ms, [&] { fault = node->disk().stall(2s); });
  on_node([](runtime::World& world) {
    write_file(world, "/x", as_bytes("x"), true);
    EXPECT_GE(world.now(), at(2s));
    EXPECT_LT(world.now(), at(2100ms));
  });
  EXPECT_GT(effects(fault), 0U);
}

TEST_F(DiskTest, ASlowOrLimitedDiskTakesLonger) {
  on_node([this](runtime::World& world) {
    const auto sync_time = [&] {
      const Instant before = world.now();
      write_file(world, "/x", filled(100'000, 1), true);
      return world.now() - before;
    };
    const Duration usual = sync_time();
    node->disk().slow(1'000);
    EXPECT_GE(sync_time(), 9 * usual);
    node->disk().heal();
    EXPECT_EQ(sync_time(), usual);
    node->disk().limit(0, 1'000'000);
    EXPECT_GE(sync_time(), 100ms);
    node->disk().limit(5, 0);
    EXPECT_GE(sync_time(), 400ms);
  });
}

TEST_F(DiskTest, ErrorsHitTheirRangeAndPathOnly) {
  FaultId fault = 0;
  on_node([&](runtime::World& world) {
    write_file(world, "/bad", filled(3'000, 1), true);
    write_file(world, "/good", filled(3'000, 1), true);
    fault = node->disk().fail({.operation = DiskOperation::read, .path_prefix = "/bad", .from = 1'000, .to = 2'000});
    auto bad = *world.open("/bad", OpenMode::read_write);
    auto good = *world.open("/good", OpenMode::read_write);
    ByteBuffer buffer(100);
    EXPECT_TRUE(bad->pread(buffer, 0));
    EXPECT_EQ(bad->pread(buffer, 950).error(), IoError::io_failure);
    EXPECT_TRUE(bad->pread(buffer, 2'000));
    EXPECT_TRUE(good->pread(buffer, 1'000));
    EXPECT_TRUE(runtime::pwrite_all(*bad, buffer, 1'000));
    node->disk().fail({.operation = DiskOperation::write, .times = 1});
    EXPECT_EQ(runtime::pwrite_all(*good, buffer, 0).error(), IoError::io_failure);
    EXPECT_TRUE(runtime::pwrite_all(*good, buffer, 0));
  });
  EXPECT_EQ(effects(fault), 1U);
}

TEST_F(DiskTest, AFullDiskTakesWhatFitsAndRemovingFilesMakesRoom) {
  on_node([this](runtime::World& world) {
    write_file(world, "/data1/old", filled(6'000, 1), true);
    node->disk("/data1").set_capacity(10'000);
    auto file = *world.open("/data1/x", OpenMode::create);
    EXPECT_EQ(world.space("/data1")->usable_bytes, 4'000U);
    EXPECT_EQ(file->pwritev(std::vector{ByteView{filled(5'000, 2)}}, 0), 4'000U);
    EXPECT_EQ(file->pwritev(std::vector{ByteView{filled(1'000, 2)}}, 4'000).error(), IoError::no_space);
    EXPECT_TRUE(runtime::pwrite_all(*file, filled(4'000, 3), 0));  // overwriting needs no room
    EXPECT_TRUE(world.remove("/data1/old"));
    EXPECT_TRUE(runtime::pwrite_all(*file, filled(1'000, 2), 4'000));
    write_file(world, "/data2/elsewhere", filled(20'000, 1), true);
  });
}

TEST_F(DiskTest, AfterAFailedSyncTheBytesAreShownButLostAtThePowerCut) {
  on_node([this](runtime::World& world) {
    write_file(world, "/x", as_bytes("first "), true);
    EXPECT_TRUE(world.sync_dir("/"));
    auto file = *world.open("/x", OpenMode::read_write);
    node->disk().fail_next_syncs(1);
    EXPECT_TRUE(runtime::pwrite_all(*file, as_bytes("second "), 6));
    EXPECT_EQ(file->sync().error(), IoError::io_failure);
    EXPECT_TRUE(runtime::pwrite_all(*file, as_bytes("third"), 13));
    EXPECT_TRUE(file->sync());
  });
  EXPECT_EQ(text_of(*node, "/x"), "first second third");
  node->power_cut({.keep = 1, .drop = 0, .tear = 0});
  EXPECT_EQ(text_of(*node, "/x"), std::string("first ") + std::string(7, '\0') + "third");
}

TEST_F(DiskTest, AfterAFailedSyncTheBytesAreGoneOnceTheyHaveLeftMemory) {
  on_node([this](runtime::World& world) {
    write_file(world, "/x", as_bytes("first "), true);
    auto file = *world.open("/x", OpenMode::read_write);
    EXPECT_TRUE(runtime::pwrite_all(*file, as_bytes("FIRST second"), 0));
    EXPECT_TRUE(runtime::pwrite_all(*file, as_bytes("LAST!"), 0));
    node->disk().fail_next_syncs(1);
    EXPECT_FALSE(file->sync());
    EXPECT_TRUE(file->sync()) << "the pages count as clean";
  });
  EXPECT_EQ(text_of(*node, "/x"), "LAST! second");
  node->drop_caches();
  EXPECT_EQ(text_of(*node, "/x"), std::string("first ") + std::string(6, '\0'));
}

TEST_F(DiskTest, WhatIsWrittenAgainAfterAFailedSyncIsSavedByTheNext) {
  on_node([this](runtime::World& world) {
    write_file(world, "/x", {}, true);
    EXPECT_TRUE(world.sync_dir("/"));
    auto file = *world.open("/x", OpenMode::read_write);
    EXPECT_TRUE(runtime::pwrite_all(*file, as_bytes("saved"), 0));
    node->disk().fail_next_syncs(1);
    EXPECT_FALSE(file->sync());
    EXPECT_TRUE(runtime::pwrite_all(*file, as_bytes("saved"), 0));
    EXPECT_TRUE(file->sync());
  });
  node->drop_caches();
  EXPECT_EQ(text_of(*node, "/x"), "saved");
  node->power_cut({.keep = 0, .drop = 1, .tear = 0});
  EXPECT_EQ(text_of(*node, "/x"), "saved");
}

TEST_F(DiskTest, BitRotIsSeenAtOnce) {
  on_node([](runtime::World& world) { write_file(world, "/x", as_bytes("abc"), true); });
  node->disk().rot("/x", 1, 0x20);
  EXPECT_EQ(text_of(*node, "/x"), "aBc");
  node->disk().rot_anywhere();
  EXPECT_NE(text_of(*node, "/x"), "aBc");
  EXPECT_EQ(simulation.ledger().effective(), 2U);
}

TEST_F(DiskTest, APhantomWriteIsSeenOnlyAfterTheChunkHasLeftMemory) {
  on_node([this](runtime::World& world) {
    write_file(world, "/x", as_bytes("old"), true);
    node->disk().phantom_writes(1);
    write_file(world, "/x", as_bytes("new"), true);
  });
  EXPECT_EQ(text_of(*node, "/x"), "new");
  node->drop_caches();
  EXPECT_EQ(text_of(*node, "/x"), "old");
}

TEST_F(DiskTest, AMisdirectedWriteDamagesAnotherPlaceAndIsHealedByOverwriting) {
  on_node([this](runtime::World& world) {
    write_file(world, "/x", filled(4 * sector_bytes, 'a'), true);
    node->disk().misdirect_writes(1);
    auto file = *world.open("/x", OpenMode::read_write);
    EXPECT_TRUE(runtime::pwrite_all(*file, filled(sector_bytes, 'b'), sector_bytes));
    EXPECT_TRUE(file->sync());
  });
  EXPECT_EQ(text_of(*node, "/x")[sector_bytes], 'b');
  node->drop_caches();
  const std::string damaged = text_of(*node, "/x");
  EXPECT_EQ(damaged[sector_bytes], 'a');
  EXPECT_EQ(std::ranges::count(damaged, 'b'), static_cast<std::ptrdiff_t>(sector_bytes));
  EXPECT_EQ(std::ranges::count(damaged, 'a'), static_cast<std::ptrdiff_t>(3 * sector_bytes));
}

TEST_F(DiskTest, AWipedDiskIsEmptyAndTheOthersAreNot) {
  on_node([](runtime::World& world) {
    write_file(world, "/data1/x", as_bytes("1"), true);
    write_file(world, "/data2/x", as_bytes("2"), true);
  });
  node->disk("/data1").wipe();
  EXPECT_EQ(text_of(*node, "/data1/x"), "(no such file)");
  EXPECT_EQ(text_of(*node, "/data2/x"), "2");
  on_node([](runtime::World& world) { write_file(world, "/data1/x", as_bytes("3"), true); });
  EXPECT_EQ(text_of(*node, "/data1/x"), "3");
}

TEST_F(DiskTest, TooManyDirtyBytesMakeTheWriterWait) {
  node->page_cache().set_limit(1 << 20);
  Simulation run{quiet()};
  HardwareProfile profile = node->options().profile;
  profile.page_cache_bytes = 5 << 20;
  Node& machine = run.add_node({.name = "small", .profile = profile});
  Duration took{};
  machine.start("main", [&](runtime::World& world) {
    auto file = *world.open("/x", OpenMode::create);
    for (std::uint64_t i = 0; i < 100; ++i) EXPECT_TRUE(runtime::pwrite_all(*file, filled(100'000, 1), i * 100'000));
    took = world.now().time_since_epoch();
  });
  run.run_for(10s);
  EXPECT_GT(took, 80ms);  // 10 MB at 100 MB/s, but for the last dirty ones
}

}  // namespace
}  // namespace squall::sim
