// What the runtime's smallest steps cost. `Switch` counts one direction: into a fiber or out of it.
#include <benchmark/benchmark.h>

#include "base/crc32c.h"
#include "runtime/channel.h"
#include "runtime/fiber.h"
#include "runtime/mutex.h"
#include "tests/runtime/test_world.h"

namespace squall::runtime {
namespace {

void Switch(benchmark::State& state) {
  FiberEngine engine;
  bool stop = false;
  Fiber& fiber = engine.create("switch", [&] {
    while (!stop) engine.suspend();
  });
  while (state.KeepRunningBatch(2)) engine.resume(fiber);
  stop = true;
  engine.resume(fiber);
}
BENCHMARK(Switch);

// Making a fiber, running it to its end and taking its stack back.
void Spawn(benchmark::State& state) {
  FiberEngine engine;
  int runs = 0;
  for (auto _ : state) engine.resume(engine.create("spawn", [&] { ++runs; }));
  benchmark::DoNotOptimize(runs);
}
BENCHMARK(Spawn);

void SchedulerYield(benchmark::State& state) {
  TestWorld world;
  bool stop = false;
  world.spawn("yield", [&] {
    while (!stop) world.yield();
  });
  for (auto _ : state) world.scheduler().run_ready();
  stop = true;
}
BENCHMARK(SchedulerYield);

void MutexUncontended(benchmark::State& state) {
  TestWorld world;
  Mutex mutex{world};
  for (auto _ : state) {
    mutex.lock();
    benchmark::DoNotOptimize(mutex.locked());
    mutex.unlock();
  }
}
BENCHMARK(MutexUncontended);

// Two fibers that always wait for each other: each iteration hands the mutex over once.
void MutexHandOver(benchmark::State& state) {
  TestWorld world;
  Mutex mutex{world};
  bool stop = false;
  for (int i = 0; i < 2; ++i) {
    world.spawn("contender", [&] {
      while (!stop) {
        const std::lock_guard lock{mutex};
        world.yield();
      }
    });
  }
  for (auto _ : state) world.scheduler().run_ready();
  stop = true;
}
BENCHMARK(MutexHandOver);

// One value through a channel from a fiber to another.
void ChannelTransfer(benchmark::State& state) {
  TestWorld world;
  Channel<int> channel{world, static_cast<std::size_t>(state.range(0))};
  std::int64_t taken = 0;
  world.spawn("giver", [&] {
    while (channel.push(1)) {
    }
  });
  world.spawn("taker", [&] {
    while (channel.pop()) ++taken;
  });
  while (state.KeepRunningBatch(state.range(0))) {
    world.scheduler().run_ready();
    world.scheduler().run_ready();
  }
  state.counters["values"] = benchmark::Counter{static_cast<double>(taken), benchmark::Counter::kIsRate};
  channel.close();
}
BENCHMARK(ChannelTransfer)->Arg(1)->Arg(64);

void Crc32c64KiB(benchmark::State& state) {
  ByteBuffer bytes(64 * 1024);
  Random{1}.fill(bytes);
  for (auto _ : state) benchmark::DoNotOptimize(crc32c(bytes));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(Crc32c64KiB);

}  // namespace
}  // namespace squall::runtime

BENCHMARK_MAIN();
