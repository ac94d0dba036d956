// What holds for every message, in every version, with whatever values. SQUALL_TEST_SEED chooses the values.
#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>
#include <string>

#include "tests/protocol/any_message.h"
#include "tests/protocol/random_fields.h"

namespace squall::protocol {
namespace {

std::uint64_t test_seed() {
  const char* text = std::getenv("SQUALL_TEST_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

// Calls `check(kind, version, random)` for every message and version.
template <class Check>
void for_every_version(std::string_view test, Check check) {
  const Random random = Random{test_seed()}.fork(test);
  std::size_t versions = 0;
  for (const MessageKind& kind : all_messages()) {
    for (std::int16_t version = kind.version_min; version <= kind.version_max; ++version, ++versions) {
      const std::string name = std::string{kind.name} + " v" + std::to_string(version);
      SCOPED_TRACE(name + ", SQUALL_TEST_SEED=" + std::to_string(test_seed()));
      check(kind, version, random.fork(name));
      if (testing::Test::HasFatalFailure()) return;
    }
  }
  EXPECT_GT(versions, 500U) << "too few messages were looked at";
}

std::any random_message(const MessageKind& kind, std::optional<std::int16_t> version, const Random& random) {
  std::any message = kind.make();
  RandomFields fields{random, version};
  kind.visit(fields, message);
  return message;
}

ByteBuffer encoded(const MessageKind& kind, std::int16_t version, const std::any& message) {
  ByteBuffer bytes;
  Writer writer{bytes};
  const EncodeResult result = kind.encode(writer, version, message);
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().field) << " " << (result ? "" : result.error().what);
  return bytes;
}

TEST(EveryMessage, ReadsBackAsItWasWritten) {
  for_every_version("round trip", [](const MessageKind& kind, std::int16_t version, const Random& random) {
    for (int i = 0; i < 20; ++i) {
      const std::any message = random_message(kind, version, random.fork(std::to_string(i)));
      const ByteBuffer bytes = encoded(kind, version, message);
      Reader reader{bytes};
      std::any read = kind.make();
      const DecodeResult result = kind.decode(reader, version, read);
      ASSERT_TRUE(result.has_value()) << result.error().what << " at " << result.error().position;
      ASSERT_EQ(reader.remaining(), 0U);
      ASSERT_TRUE(kind.equal(message, read));
      ASSERT_EQ(encoded(kind, version, read), bytes);
    }
  });
}

TEST(EveryMessage, ForgetsWhatItHeldBeforeItIsReadAnew) {
  for_every_version("reuse", [](const MessageKind& kind, std::int16_t version, const Random& random) {
    for (int i = 0; i < 10; ++i) {
      const std::any message = random_message(kind, version, random.fork(std::to_string(i)));
      const ByteBuffer bytes = encoded(kind, version, message);
      std::any used = random_message(kind, std::nullopt, random.fork("held before " + std::to_string(i)));
      Reader reader{bytes};
      ASSERT_TRUE(kind.decode(reader, version, used).has_value());
      ASSERT_TRUE(kind.equal(message, used));
    }
  });
}

TEST(EveryMessage, IsRefusedWhenCutShortAnywhere) {
  for_every_version("truncation", [](const MessageKind& kind, std::int16_t version, const Random& random) {
    const std::any message = random_message(kind, version, random);
    const ByteBuffer bytes = encoded(kind, version, message);
    for (std::size_t size = 0; size < std::min<std::size_t>(bytes.size(), 1000); ++size) {
      const ByteBuffer cut{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
      Reader reader{cut};
      std::any read = kind.make();
      const DecodeResult result = kind.decode(reader, version, read);
      ASSERT_FALSE(result.has_value()) << "cut to " << size << " of " << bytes.size();
      ASSERT_LE(result.error().position, size);
    }
  });
}

TEST(EveryMessage, SurvivesFlippedBytes) {
  std::size_t refused = 0;
  for_every_version("mutation", [&](const MessageKind& kind, std::int16_t version, Random random) {
    const ByteBuffer bytes = encoded(kind, version, random_message(kind, version, random));
    if (bytes.empty()) return;
    for (int i = 0; i < 30; ++i) {
      ByteBuffer mutated = bytes;
      for (std::uint64_t flips = random.below(3) + 1; flips > 0; --flips) {
        const auto at = static_cast<std::size_t>(random.below(mutated.size()));
        mutated[at] = random.chance(1, 3) ? std::uint8_t{0xFF} : static_cast<std::uint8_t>(random.next());
      }
      Reader reader{mutated};
      std::any read = kind.make();
      const DecodeResult result = kind.decode(reader, version, read);
      if (!result) {
        ++refused;
        ASSERT_LE(result.error().position, mutated.size());
      }
    }
  });
  EXPECT_GT(refused, 1000U);
}

TEST(EveryMessage, NamesTheFieldThatAVersionCannotCarry) {
  std::size_t refused = 0;
  for_every_version("refusal", [&](const MessageKind& kind, std::int16_t version, const Random& random) {
    for (int i = 0; i < 10; ++i) {
      const std::any message = random_message(kind, std::nullopt, random.fork(std::to_string(i)));
      ByteBuffer bytes{0xAB};
      Writer writer{bytes};
      const EncodeResult result = kind.encode(writer, version, message);
      if (result) continue;
      ++refused;
      ASSERT_TRUE(result.error().field.starts_with(kind.name)) << result.error().field;
      ASSERT_EQ(bytes, ByteBuffer{0xAB}) << "a refused message must leave nothing behind";
    }
  });
  EXPECT_GT(refused, 500U);
}

TEST(EveryMessage, HasNoVersionOutsideItsRange) {
  for (const MessageKind& kind : all_messages()) {
    for (const int version : {kind.version_min - 1, kind.version_max + 1}) {
      ByteBuffer bytes;
      Writer writer{bytes};
      const EncodeResult written = kind.encode(writer, static_cast<std::int16_t>(version), kind.make());
      ASSERT_FALSE(written.has_value()) << kind.name;
      EXPECT_EQ(written.error().field, kind.name);
      Reader reader{bytes};
      std::any read = kind.make();
      EXPECT_FALSE(kind.decode(reader, static_cast<std::int16_t>(version), read).has_value()) << kind.name;
    }
  }
}

}  // namespace
}  // namespace squall::protocol
