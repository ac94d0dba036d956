// What appending costs beside the bare writes that it is made of: 64 KiB batches to a log, and the same bytes by pwrite to a
// file of the same file system. Both write fresh pages: the files are emptied between rounds, outside the time.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "log/log_manager.h"
#include "protocol/record_batch_builder.h"
#include "runtime/linux/linux_world.h"
#include "tests/runtime/scratch_dir.h"

namespace squall::log {
namespace {

constexpr int batches_per_round = 1024;

ByteBuffer batch_of_64_kib() {
  protocol::RecordBatchBuilder builder;
  builder.start({});
  const std::string value(1000, 'v');
  for (int i = 0; i < 64; ++i) builder.append(1'700'000'000'000, std::nullopt, as_bytes(value));
  (void)builder.finish();
  return builder.take();
}

void BarePwrite(benchmark::State& state) {
  const runtime::ScratchDir dir;
  const ByteBuffer batch = batch_of_64_kib();
  const int file = ::open((dir / "bare").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  std::int64_t bytes = 0;
  for (auto _ : state) {
    if (::ftruncate(file, 0) != 0) state.SkipWithError("ftruncate");
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < batches_per_round; ++i) {
      const auto at = static_cast<off_t>(batch.size()) * i;
      if (::pwrite(file, batch.data(), batch.size(), at) != static_cast<ssize_t>(batch.size())) state.SkipWithError("pwrite");
    }
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    bytes += static_cast<std::int64_t>(batch.size()) * batches_per_round;
  }
  ::close(file);
  state.SetBytesProcessed(bytes);
}
BENCHMARK(BarePwrite)->UseManualTime()->Unit(benchmark::kMillisecond);

void LogAppend(benchmark::State& state) {
  const runtime::ScratchDir dir;
  runtime::LinuxOptions quiet;
  quiet.least_level = runtime::EventLevel::off;
  runtime::LinuxWorld world{quiet};
  std::int64_t bytes = 0;
  world.run([&] {
    LogManagerOptions options;
    options.log_dirs = {dir / "data"};
    options.node_id = NodeId{1};
    options.config_of = [](std::string_view) { return LogConfig{}; };
    LogManager manager{world, options};
    if (!manager.open()) return state.SkipWithError("open");
    const auto log = *manager.create_log({"t", PartitionIndex{0}}, Uuid{1, 1});
    ByteBuffer batch = batch_of_64_kib();
    for (auto _ : state) {
      if (!log->truncate_fully_and_start_at(Offset{0})) state.SkipWithError("truncate");
      const auto begin = std::chrono::steady_clock::now();
      for (int i = 0; i < batches_per_round; ++i) {
        if (!log->append(batch, LeaderEpoch{0}, AppendOrigin::client)) state.SkipWithError("append");
      }
      state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
      bytes += static_cast<std::int64_t>(batch.size()) * batches_per_round;
    }
    manager.shutdown();
  });
  state.SetBytesProcessed(bytes);
}
BENCHMARK(LogAppend)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace squall::log

BENCHMARK_MAIN();
