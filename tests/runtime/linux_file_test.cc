#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "runtime/linux/file.h"
#include "runtime/linux/linux_world.h"
#include "tests/runtime/scratch_dir.h"

namespace squall::runtime {
namespace {

class LinuxFileTest : public testing::Test {
 protected:
  void run(FiberFunction main) { world_.run(std::move(main)); }
  std::unique_ptr<File> make(const std::string& name, std::string_view content) {
    auto file = world_.open(dir_ / name, OpenMode::create_new);
    EXPECT_TRUE(file.has_value());
    EXPECT_TRUE(pwrite_all(**file, as_bytes(content), 0).has_value());
    return std::move(*file);
  }
  static std::string content(File& file) {
    ByteBuffer buffer(*file.size());
    EXPECT_EQ(pread_full(file, buffer, 0), buffer.size());
    return std::string{as_text(buffer)};
  }
  ScratchDir dir_;
  LinuxWorld world_{LinuxOptions{.seed = 1, .least_level = EventLevel::off}};
};

TEST_F(LinuxFileTest, ReadsBackWhatWasWrittenInPieces) {
  run([&] {
    const auto file = make("a", "");
    const std::array<ByteView, 3> pieces{as_bytes("one "), as_bytes(""), as_bytes("two")};
    EXPECT_EQ(file->pwritev(pieces, 0), 7U);
    EXPECT_TRUE(pwrite_all(*file, as_bytes(" three"), 7).has_value());
    EXPECT_EQ(content(*file), "one two three");
    ByteBuffer buffer(5);
    EXPECT_EQ(file->pread(buffer, 8), 5U);
    EXPECT_EQ(as_text(buffer), "three");
    EXPECT_EQ(file->pread(buffer, 11), 2U) << "short at the end";
    EXPECT_EQ(file->pread(buffer, 13), 0U);
    EXPECT_EQ(file->pread(buffer, 1000), 0U);
  });
}

TEST_F(LinuxFileTest, MoreViewsThanOneCallTakesAreWrittenShort) {
  run([&] {
    const auto file = make("many", "");
    const std::vector<ByteView> views(1000, as_bytes("x"));
    const auto count = file->pwritev(views, 0);
    ASSERT_TRUE(count.has_value());
    EXPECT_GT(*count, 0U);
    EXPECT_LE(*count, 1000U);
    EXPECT_EQ(file->size(), *count);
  });
}

TEST_F(LinuxFileTest, SyncsTruncatesAndPreallocates) {
  run([&] {
    const auto file = make("a", "0123456789");
    EXPECT_TRUE(file->preallocate(1 << 20).has_value());
    EXPECT_EQ(file->size(), 10U) << "preallocation does not change the size";
    EXPECT_TRUE(file->truncate(4).has_value());
    EXPECT_TRUE(file->sync().has_value());
    EXPECT_EQ(content(*file), "0123");
    EXPECT_TRUE(file->truncate(6).has_value());
    EXPECT_EQ(content(*file), std::string("0123\0\0", 6));
    EXPECT_TRUE(world_.sync_dir(dir_.path()).has_value());
  });
}

TEST_F(LinuxFileTest, OpenModesMeanWhatTheySay) {
  run([&] {
    EXPECT_EQ(world_.open(dir_ / "none", OpenMode::read).error(), IoError::not_found);
    EXPECT_EQ(world_.open(dir_ / "none", OpenMode::read_write).error(), IoError::not_found);
    EXPECT_EQ(world_.open(dir_.path(), OpenMode::read).error(), IoError::is_a_directory);
    make("a", "kept");
    EXPECT_EQ(world_.open(dir_ / "a", OpenMode::create_new).error(), IoError::already_exists);
    auto again = world_.open(dir_ / "a", OpenMode::create);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(content(**again), "kept");
    auto reader = world_.open(dir_ / "a", OpenMode::read);
    ASSERT_TRUE(reader.has_value());
    EXPECT_FALSE(pwrite_all(**reader, as_bytes("x"), 0).has_value());
  });
}

TEST_F(LinuxFileTest, NamesAreMadeMovedListedAndRemoved) {
  run([&] {
    EXPECT_TRUE(world_.create_dir(dir_ / "logs").has_value());
    EXPECT_EQ(world_.create_dir(dir_ / "logs").error(), IoError::already_exists);
    EXPECT_EQ(world_.create_dir(dir_ / "no/such").error(), IoError::not_found);
    make("logs/b", "old");
    make("c", "new");
    EXPECT_TRUE(world_.rename(dir_ / "c", dir_ / "logs/b").has_value());
    make("logs/a", "");
    const auto entries = world_.list(dir_ / "logs");
    ASSERT_TRUE(entries.has_value());
    ASSERT_EQ(entries->size(), 2U);
    EXPECT_EQ((*entries)[0].name, "a");
    EXPECT_EQ((*entries)[1].name, "b");
    EXPECT_FALSE((*entries)[1].is_directory);
    EXPECT_TRUE(world_.list(dir_.path())->front().is_directory);
    auto moved = world_.open(dir_ / "logs/b", OpenMode::read);
    EXPECT_EQ(content(**moved), "new");
    EXPECT_EQ(world_.remove(dir_ / "logs").error(), IoError::not_empty);
    EXPECT_TRUE(world_.remove(dir_ / "logs/a").has_value());
    EXPECT_TRUE(world_.remove(dir_ / "logs/b").has_value());
    EXPECT_TRUE(world_.remove(dir_ / "logs").has_value());
    EXPECT_EQ(world_.remove(dir_ / "logs").error(), IoError::not_found);
    EXPECT_EQ(content(**moved), "new") << "an open file outlives its name";
  });
}

TEST_F(LinuxFileTest, ALockIsHeldByOneAtATime) {
  run([&] {
    auto first = world_.lock(dir_ / ".lock");
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(world_.lock(dir_ / ".lock").error(), IoError::locked);
    first->reset();
    EXPECT_TRUE(world_.lock(dir_ / ".lock").has_value());
  });
}

TEST_F(LinuxFileTest, TellsTheSpaceOfItsDisk) {
  run([&] {
    const auto space = world_.space(dir_.path());
    ASSERT_TRUE(space.has_value());
    EXPECT_GT(space->total_bytes, 0U);
    EXPECT_LE(space->usable_bytes, space->total_bytes);
    EXPECT_EQ(world_.space(dir_ / "none").error(), IoError::not_found);
  });
}

TEST_F(LinuxFileTest, ReadsARangeThatThePageCacheHasForgotten) {
  run([&] {
    const std::string bytes(3 << 20, 'z');
    const auto file = make("cold", bytes);
    ASSERT_TRUE(file->sync().has_value());
    const int fd = static_cast<LinuxFile&>(*file).fd();
    EXPECT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    EXPECT_EQ(content(*file), bytes);
    EXPECT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    EXPECT_TRUE(static_cast<LinuxFile&>(*file).warm(1 << 20, 1 << 20).has_value());
    EXPECT_TRUE(static_cast<LinuxFile&>(*file).warm(bytes.size() + 10, 10).has_value()) << "past the end there is nothing";
  });
}

}  // namespace
}  // namespace squall::runtime
