// How fast the virtual world is, in host time: steps a second, request and answer over a connection, appends, an idle node.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "runtime/io.h"
#include "sim/simulation.h"

namespace squall::sim {
namespace {

using namespace std::chrono_literals;
using runtime::OpenMode;

void push_and_pop(benchmark::State& state) {
  EventQueue queue{1};
  Random random{1};
  Instant now;
  for (int i = 0; i < state.range(0); ++i) queue.push(now + random.exponential(1ms), EventKind::control, 0, 0);
  for (auto _ : state) {
    now = Instant{Duration{queue.pop().at}};
    queue.push(now + Duration{static_cast<std::int64_t>(random.next() & 0xfffff)}, EventKind::control, 0, 0);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(push_and_pop)->Arg(100)->Arg(10'000);

void record_a_crossing(benchmark::State& state) {
  Trace trace{1024};
  TraceRecord record{.at = 1, .a = 2, .b = 3, .digest = 4, .node = 5, .crossing = Crossing::net_write};
  for (auto _ : state) {
    ++record.at;
    trace.record(record);
  }
  benchmark::DoNotOptimize(trace.hash());
}
BENCHMARK(record_a_crossing);

// Fibers of several nodes that sleep, each event a switch.
void events(benchmark::State& state) {
  Simulation simulation{SimulationOptions{}};
  for (int i = 0; i < 10; ++i) {
    simulation.add_node({.name = "node-" + std::to_string(i)}).start("main", [i](runtime::World& world) {
      for (int j = 0; j < 9; ++j) {
        world.spawn("sleeper", [&world, step = Duration{1000 + i * 10 + j}] {
          while (true) world.sleep_until(world.now() + step);
        });
      }
      world.park();
    });
  }
  simulation.run_for(1ms);
  const std::uint64_t before = simulation.steps();
  for (auto _ : state) simulation.run_for(100us);
  state.SetItemsProcessed(static_cast<std::int64_t>(simulation.steps() - before));
}
BENCHMARK(events);

void serve(runtime::World& world) {
  auto listener = world.listen({.host = "", .port = 1});
  while (true) {
    auto accepted = (*listener)->accept();
    world.spawn("serve", [&world, connection = std::move(*accepted)] {
      ByteBuffer buffer(4096);
      while (true) {
        const auto count = connection->read(buffer);
        if (!count || *count == 0) return;
        world.charge(runtime::Cost::request, 1);
        if (!runtime::write_all(*connection, ByteView{buffer}.first(*count))) return;
      }
    });
  }
}

// One kilobyte there and back on each of 10 connections: items are round trips.
void round_trips(benchmark::State& state) {
  Simulation simulation{SimulationOptions{}};
  simulation.add_node({.name = "server"}).start("server", serve);
  std::uint64_t trips = 0;
  Node& client = simulation.add_node({.name = "client"});
  client.start("client", [&](runtime::World& world) {
    world.sleep_until(world.now() + 1ms);
    for (int i = 0; i < 10; ++i) {
      world.spawn("client", [&] {
        auto connection = world.connect({.host = "server", .port = 1}, end_of_time);
        ByteBuffer bytes(1024);
        while (true) {
          if (!runtime::write_all(**connection, bytes)) return;
          if (!runtime::read_exactly(**connection, bytes)) return;
          ++trips;
        }
      });
    }
    world.park();
  });
  simulation.run_for(10ms);
  trips = 0;
  for (auto _ : state) simulation.run_for(1ms);
  state.SetItemsProcessed(static_cast<std::int64_t>(trips));
}
BENCHMARK(round_trips);

void appends(benchmark::State& state) {
  Simulation simulation{SimulationOptions{}};
  std::uint64_t count = 0;
  simulation.add_node({.name = "a"}).start("main", [&](runtime::World& world) {
    const ByteBuffer bytes(1024);
    auto file = *world.open("/log", OpenMode::create);
    for (std::uint64_t at = 0;; at += bytes.size(), ++count) {
      if (at == 64 * 1024 * bytes.size()) {  // the next segment
        if (!file->sync() || !world.remove("/log") || !world.sync_dir("/")) return;
        file = *world.open("/log", OpenMode::create);
        at = 0;
      }
      if (!runtime::pwrite_all(*file, bytes, at)) return;
      if (count % 64 == 0) world.sleep_until(world.now() + 1ms);
    }
  });
  for (auto _ : state) simulation.run_for(10ms);
  state.SetItemsProcessed(static_cast<std::int64_t>(count));
}
BENCHMARK(appends);

// A node whose only work is a timer every 100 ms, as a broker's housekeeping; the counter is virtual over host time.
void idle_node(benchmark::State& state) {
  Simulation simulation{SimulationOptions{}};
  simulation.add_node({.name = "a"}).start("main", [](runtime::World& world) {
    while (true) world.sleep_until(world.now() + 100ms);
  });
  std::uint64_t seconds = 0;
  for (auto _ : state) {
    simulation.run_for(60s);
    seconds += 60;
  }
  state.counters["times_real"] = benchmark::Counter(static_cast<double>(seconds), benchmark::Counter::kIsRate);
}
BENCHMARK(idle_node);

}  // namespace
}  // namespace squall::sim

BENCHMARK_MAIN();
