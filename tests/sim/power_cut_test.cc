// The fates of unsynced writes against an oracle that is too simple to be wrong: it keeps a whole copy of the file before and
// after each change, and for each sector of the result asks whether some choice of kept and dropped changes explains it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "sim/file_image.h"

namespace squall::sim {
namespace {

struct OracleWrite {
  std::uint64_t at = 0;
  ByteBuffer bytes;
};

std::uint8_t byte_at(const ByteBuffer& image, std::uint64_t at) { return at < image.size() ? image[at] : std::uint8_t{0}; }

// Whether `result` agrees, in the sector at `from`, with `durable` and the writes chosen by the bits of `choice`.
bool explains(const ByteBuffer& durable, const std::vector<OracleWrite>& writes, std::uint64_t choice, const ByteBuffer& result,
              std::uint64_t from) {
  const std::uint64_t to = std::min<std::uint64_t>(from + sector_bytes, result.size());
  for (std::uint64_t at = from; at < to; ++at) {
    std::uint8_t expected = byte_at(durable, at);
    for (std::size_t i = 0; i < writes.size(); ++i) {
      const OracleWrite& write = writes[i];
      const bool chosen = ((choice >> i) & 1) != 0;
      if (chosen && at >= write.at && at < write.at + write.bytes.size()) expected = write.bytes[at - write.at];
    }
    if (result[at] != expected) return false;
  }
  return true;
}

struct Experiment {
  Random random;
  PageCache cache{1 << 30};
  FileImage image{cache};
  ByteBuffer durable;
  ByteBuffer cached;
  std::vector<OracleWrite> unsynced;

  explicit Experiment(std::uint64_t seed) : random{seed} {}

  void write() {
    OracleWrite write;
    write.at = random.chance(1, 2) ? cached.size() : random.below(cached.size() + 1);
    write.bytes.resize(random.below(2'000) + 1);
    random.fill(write.bytes);
    image.write(write.bytes, write.at, Instant{});
    cached.resize(std::max<std::size_t>(cached.size(), write.at + write.bytes.size()));
    std::ranges::copy(write.bytes, cached.begin() + static_cast<std::ptrdiff_t>(write.at));
    unsynced.push_back(std::move(write));
  }
  void sync() {
    image.commit(image.mark());
    durable = cached;
    unsynced.clear();
  }
  [[nodiscard]] ByteBuffer content() const {
    ByteBuffer bytes(image.size());
    image.read(bytes, 0);
    return bytes;
  }
};

TEST(PowerCut, EverySectorHoldsSomeMixOfTheDurableBytesAndTheUnsyncedWrites) {
  std::uint64_t kept = 0;
  std::uint64_t dropped = 0;
  std::uint64_t torn = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Experiment experiment{seed};
    for (int step = 0; step < 40; ++step) {
      if (experiment.unsynced.size() == 6 || experiment.random.chance(1, 6)) experiment.sync();
      experiment.write();
      ASSERT_EQ(experiment.content(), experiment.cached);
    }
    Random random{seed * 77};
    const Fates fates = experiment.image.power_cut(random, {});
    EXPECT_EQ(fates.total(), experiment.unsynced.size());
    kept += fates.kept;
    dropped += fates.dropped;
    torn += fates.torn;
    const ByteBuffer result = experiment.content();
    ASSERT_GE(result.size(), experiment.durable.size());
    ASSERT_LE(result.size(), experiment.cached.size());
    for (std::uint64_t from = 0; from < result.size(); from += sector_bytes) {
      bool explained = false;
      const std::uint64_t choices = std::uint64_t{1} << experiment.unsynced.size();
      for (std::uint64_t choice = 0; choice < choices && !explained; ++choice) {
        explained = explains(experiment.durable, experiment.unsynced, choice, result, from);
      }
      ASSERT_TRUE(explained) << "seed " << seed << ", byte " << from;
    }
  }
  EXPECT_GT(kept, 200U);
  EXPECT_GT(dropped, 200U);
  EXPECT_GT(torn, 200U);
}

TEST(PowerCut, OneFateForAllGivesExactlyTheDurableOrTheCachedImage) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    for (const bool keep : {false, true}) {
      Experiment experiment{seed};
      for (int step = 0; step < 30; ++step) {
        if (experiment.random.chance(1, 5)) experiment.sync();
        experiment.write();
      }
      Random random{seed};
      experiment.image.power_cut(random, {.keep = keep ? 1U : 0U, .drop = keep ? 0U : 1U, .tear = 0});
      EXPECT_EQ(experiment.content(), keep ? experiment.cached : experiment.durable);
    }
  }
}

TEST(PowerCut, ATornWriteOfSeveralSectorsIsNeitherWholeNorAbsent) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    PageCache cache{1 << 20};
    FileImage image{cache};
    image.write(ByteBuffer(4 * sector_bytes, 'a'), 0, Instant{});
    image.commit(image.mark());
    image.write(ByteBuffer(3 * sector_bytes, 'b'), 0, Instant{});
    Random random{seed};
    EXPECT_EQ(image.power_cut(random, {.keep = 0, .drop = 0, .tear = 1}).torn, 1U);
    ByteBuffer content(image.size());
    image.read(content, 0);
    const auto written = std::ranges::count(content, 'b');
    EXPECT_TRUE(written == 512 || written == 1024) << written;
  }
}

TEST(PowerCut, AnUnsyncedTruncationIsKeptOrUndone) {
  for (const bool keep : {false, true}) {
    PageCache cache{1 << 20};
    FileImage image{cache};
    image.write(ByteBuffer(200'000, 'a'), 0, Instant{});
    image.commit(image.mark());
    image.truncate(1'000, Instant{});
    image.write(ByteBuffer(10, 'b'), 1'000, Instant{});
    Random random{1};
    image.power_cut(random, {.keep = keep ? 1U : 0U, .drop = keep ? 0U : 1U, .tear = 0});
    EXPECT_EQ(image.size(), keep ? 1'010U : 200'000U);
    ByteBuffer content(image.size());
    image.read(content, 0);
    EXPECT_EQ(std::ranges::count(content, 'b'), keep ? 10 : 0);
    EXPECT_EQ(std::ranges::count(content, 0), 0);
  }
}

TEST(PowerCut, CommittingAMarkLeavesLaterWritesUnsynced) {
  PageCache cache{1 << 20};
  FileImage image{cache};
  image.write(ByteBuffer(100, 'a'), 0, Instant{});
  const std::uint64_t mark = image.mark();
  image.write(ByteBuffer(100, 'b'), 100, Instant{});
  image.commit(mark);
  EXPECT_EQ(image.dirty_bytes(), 100U);
  Random random{1};
  image.power_cut(random, {.keep = 0, .drop = 1, .tear = 0});
  EXPECT_EQ(image.size(), 100U);
}

}  // namespace
}  // namespace squall::sim
