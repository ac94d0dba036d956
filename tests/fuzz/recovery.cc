// Any bytes as the files of a log directory: recovery must end with a log that can be read and appended to, or refuse.
//
// Input: one byte of flags (bit 0: the directory was shut down cleanly), then files: one byte that chooses the name, two bytes
// of length (big-endian), the content. The files lie on a simulated disk, so nothing of the machine is touched.
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "log/log.h"
#include "log/log_manager.h"
#include "protocol/record_batch_builder.h"
#include "sim/simulation.h"
#include "tests/fuzz/target.h"

namespace squall {
namespace {

constexpr std::array<std::string_view, 12> names{
    "t-0/00000000000000000000.log",      "t-0/00000000000000000000.index", "t-0/00000000000000000000.timeindex",
    "t-0/00000000000000000000.txnindex", "t-0/00000000000000000003.log",   "t-0/00000000000000000003.index",
    "t-0/00000000000000000003.snapshot", "t-0/leader-epoch-checkpoint",    "t-0/partition.metadata",
    "recovery-point-offset-checkpoint",  "replication-offset-checkpoint",  "log-start-offset-checkpoint"};

struct InputFile {
  std::string_view name;
  ByteView content;
};

std::vector<InputFile> files_in(ByteView input) {
  std::vector<InputFile> files;
  while (input.size() >= 3) {
    const auto name = names[input[0] % names.size()];
    const auto length = std::min<std::size_t>(load_be<std::uint16_t>(input.data() + 1), input.size() - 3);
    files.push_back({name, input.subspan(3, length)});
    input = input.subspan(3 + length);
  }
  return files;
}

void write_file(runtime::World& world, const std::string& path, ByteView content) {
  auto file = world.open(path, runtime::OpenMode::create);
  if (!file || !(*file)->truncate(0) || !runtime::pwrite_all(**file, content, 0)) std::abort();
}

void lay_out(runtime::World& world, ByteView input) {
  if (!world.create_dir("/data") || !world.create_dir("/data/t-0")) std::abort();
  for (const auto& file : files_in(input.subspan(1))) write_file(world, "/data/" + std::string{file.name}, file.content);
  if ((input[0] & 1U) != 0) write_file(world, "/data/.kafka_cleanshutdown", as_bytes("{\"version\":0,\"brokerEpoch\":1}"));
}

// Everything that the log claims to hold can be read, batch by batch.
void read_all(log::Log& log) {
  auto from = log.log_start_offset();
  while (from < log.log_end_offset()) {
    const auto read = log.read(from, {.max_bytes = 1 << 20, .upper_bound = log.log_end_offset(), .min_one_message = true});
    if (!read || read->range.bytes == 0) return;
    ByteBuffer bytes(read->range.bytes);
    const auto count = runtime::pread_full(*read->range.file, bytes, read->range.position);
    if (!count || *count != bytes.size()) std::abort();
    protocol::BatchCursor cursor{bytes};
    protocol::RecordBatchView batch;
    auto next = from;
    while (cursor.next(batch)) next = std::max(next, batch.next_offset());
    if (next == from) return;
    from = next;
  }
}

void append_one(log::Log& log) {
  protocol::Compressor compressor;
  protocol::RecordBatchBuilder builder;
  builder.start({});
  builder.append(1'767'225'600'000, std::nullopt, as_bytes("appended after recovery"));
  const auto built = builder.finish(compressor);
  ByteBuffer bytes{built.begin(), built.end()};
  const auto end = log.log_end_offset();
  const auto epoch = std::max(log.latest_epoch(), LeaderEpoch{0});
  const auto appended = log.append(bytes, epoch, log::AppendOrigin::client);
  if (appended && (appended->first_offset != end || log.log_end_offset() != end + 1)) std::abort();
}

void recover(runtime::World& world, ByteView input) {
  lay_out(world, input);
  log::LogManagerOptions options;
  options.log_dirs = {"/data"};
  options.cluster_id = "fuzz";
  options.node_id = NodeId{1};
  options.config_of = [](std::string_view) { return log::LogConfig{}; };
  log::LogManager manager{world, std::move(options)};
  if (!manager.open()) return;
  for (const auto& log : manager.logs()) {
    if (log->log_start_offset() > log->log_end_offset()) std::abort();
    read_all(*log);
    append_one(*log);
  }
  manager.shutdown();
}

}  // namespace
}  // namespace squall

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const squall::ByteView input{data, size};
  squall::sim::Simulation simulation{{.seed = 1, .ring_size = 16}};
  auto& node = simulation.add_node({.name = "node"});
  bool done = false;
  node.start("fuzz", [&](squall::runtime::World& world) {
    squall::recover(world, input);
    done = true;
  });
  (void)simulation.run_for(std::chrono::minutes{10});
  if (!done) std::abort();
  return 0;
}
