// Record batches compared byte for byte with an independent codec: python3-kafka's. Skipped where it is not installed.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "protocol/record_batch.h"
#include "protocol/record_batch_builder.h"

namespace squall::protocol {
namespace {

constexpr int not_installed = 77;
constexpr std::size_t limit = std::size_t{1} << 20;

struct Ran {
  int exit_code = -1;
  std::string output;
};

Ran run_peer(const std::string& arguments) {
  const std::string command = std::string{"/usr/bin/python3 "} + RECORD_BATCH_PEER + " " + arguments;
  Ran ran;
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return ran;
  std::array<char, 4096> buffer;
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    ran.output.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

class PeerCodec : public testing::Test {
 protected:
  void SetUp() override {
    const Ran ran = run_peer("codecs");
    if (ran.exit_code == not_installed || ran.exit_code == 127) {
      GTEST_SKIP() << "SKIPPED: python3-kafka is not installed, so batches are compared with no independent codec";
    }
    ASSERT_EQ(ran.exit_code, 0);
    std::istringstream names{ran.output};
    for (std::string name; std::getline(names, name);) codecs.push_back(*codec_named(name));
    ASSERT_FALSE(codecs.empty());
    std::string pattern = testing::TempDir() + "record_batch_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory = pattern;
  }
  void TearDown() override {
    if (!directory.empty()) std::filesystem::remove_all(directory);
  }

  // The records that record_batch_peer.py writes, too.
  ByteBuffer agreed_batch(Codec codec) {
    RecordBatchBuilder builder;
    builder.start({.codec = codec,
                   .transactional = true,
                   .partition_leader_epoch = LeaderEpoch{0},  // where the peer leaves 0, Java and we leave -1
                   .producer_id = ProducerId{4711},
                   .producer_epoch = ProducerEpoch{3},
                   .base_sequence = 17});
    constexpr std::array header_names{"h0", "h1"};
    for (int i = 0; i < 50; ++i) {
      const std::string key = "key-" + std::to_string(i);
      const std::string value(static_cast<std::size_t>(i * 13 % 200), 'v');
      std::vector<RecordHeader> headers;
      for (std::size_t j = 0; j < static_cast<std::size_t>(i % 3); ++j) {
        headers.push_back({header_names[j], j == 1 ? NullableBytes{} : NullableBytes{ByteView{}}});
      }
      builder.append(1600000000000 + i * 7 - (i % 3) * 20, i % 5 == 0 ? NullableBytes{} : as_bytes(key),
                     i % 7 == 3 ? NullableBytes{} : as_bytes(value), headers);
    }
    const ByteView batch = builder.finish(compressor);
    return {batch.begin(), batch.end()};
  }

  static std::string hexadecimal(const NullableBytes& bytes) {
    if (!bytes) return "null";
    std::string text = "=";
    for (const std::uint8_t byte : *bytes) {
      constexpr std::string_view digits = "0123456789abcdef";
      text += digits[byte >> 4];
      text += digits[byte & 15];
    }
    return text;
  }

  std::string listing(const RecordBatchView& batch) {
    ByteBuffer scratch;
    auto reader = RecordReader::open(batch, compressor, scratch, limit);
    if (!reader) return "unreadable";
    std::string text;
    RecordView record;
    while (reader->next(record)) {
      text += std::to_string(record.offset.value()) + " " + std::to_string(record.timestamp_ms) + " " +
              hexadecimal(record.key) + " " + hexadecimal(record.value) + " ";
      HeaderReader headers = record.headers();
      RecordHeader header;
      for (bool first = true; headers.next(header); first = false) {
        text += (first ? "" : ",") + std::string{header.key} + hexadecimal(header.value);
      }
      text += "\n";
    }
    return reader->failed() ? "malformed" : text;
  }

  std::vector<Codec> codecs;
  std::filesystem::path directory;
  Compressor compressor;
};

TEST_F(PeerCodec, WritesBatchesThatWeRead) {
  for (const Codec codec : codecs) {
    const std::string path = directory / std::string{to_string(codec)};
    ASSERT_EQ(run_peer("write " + std::string{to_string(codec)} + " " + path).exit_code, 0);
    std::ifstream file{path, std::ios::binary};
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    const RecordBatchView batch{as_bytes(bytes)};
    ASSERT_TRUE(batch.validate_from_producer()) << to_string(codec);
    EXPECT_EQ(batch.codec(), codec);
    EXPECT_EQ(batch.producer_id(), ProducerId{4711});
    const ByteBuffer ours = agreed_batch(codec);
    EXPECT_EQ(listing(batch), listing(RecordBatchView{ours})) << to_string(codec);
    if (codec == Codec::none) {
      EXPECT_EQ(bytes, as_text(ours)) << "byte for byte";
    }
  }
}

TEST_F(PeerCodec, ReadsBatchesThatWeWrite) {
  for (const Codec codec : codecs) {
    const ByteBuffer ours = agreed_batch(codec);
    const std::string path = directory / ("ours-" + std::string{to_string(codec)});
    std::ofstream{path, std::ios::binary} << as_text(ours);
    const Ran ran = run_peer("read " + path);
    ASSERT_EQ(ran.exit_code, 0) << to_string(codec);
    EXPECT_EQ(ran.output, listing(RecordBatchView{ours})) << to_string(codec);
  }
}

}  // namespace
}  // namespace squall::protocol
