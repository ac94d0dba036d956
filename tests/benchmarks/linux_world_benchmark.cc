// What the seam costs over the bare system calls: each pair does the same work through LinuxWorld and without it.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "base/assert.h"
#include "runtime/linux/linux_world.h"
#include "runtime/linux/resolve.h"
#include "runtime/task.h"
#include "tests/runtime/scratch_dir.h"

namespace squall::runtime {
namespace {

constexpr std::size_t chunk_bytes = std::size_t{64} * 1024;
constexpr std::size_t file_bytes = std::size_t{16} * 1024 * 1024;

LinuxOptions quiet() { return LinuxOptions{.seed = 1, .least_level = EventLevel::off}; }

// Takes everything that comes from `port` of this machine, on a thread of its own.
class Drain {
 public:
  explicit Drain(std::uint16_t port) {
    thread_ = std::thread{[port] {
      LinuxWorld world{quiet()};
      world.run([&] {
        auto connection = world.connect(Endpoint{.host = "127.0.0.1", .port = port}, end_of_time);
        SQUALL_ASSERT(connection.has_value(), "the benchmark's own port answers");
        ByteBuffer buffer(256 * 1024);
        while (true) {
          const auto count = (*connection)->read(buffer);
          if (!count || *count == 0) return;
        }
      });
    }};
  }
  ~Drain() { thread_.join(); }

 private:
  std::thread thread_;
};

std::string make_file(const ScratchDir& dir) {
  std::string path = dir / "file";
  const UniqueFd fd{::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)};
  const ByteBuffer bytes(file_bytes, 7);
  SQUALL_ASSERT(::pwrite(fd.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(file_bytes), "the disk has room");
  return path;
}

void SendFile(benchmark::State& state) {
  const ScratchDir dir;
  const std::string path = make_file(dir);
  LinuxWorld world{quiet()};
  world.run([&] {
    auto listener = world.listen(Endpoint{.host = "127.0.0.1", .port = 0});
    const Drain drain{(*listener)->local().port};
    auto connection = (*listener)->accept();
    auto file = world.open(path, OpenMode::read);
    for (auto _ : state) SQUALL_ASSERT(send_file_all(**connection, **file, 0, file_bytes).has_value(), "the drain reads");
    (*connection)->close();
  });
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(file_bytes));
}
BENCHMARK(SendFile)->UseRealTime();

void SendFileBare(benchmark::State& state) {
  const ScratchDir dir;
  const std::string path = make_file(dir);
  LinuxWorld world{quiet()};
  std::uint16_t port = 0;
  UniqueFd listening{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  SocketAddress address;
  address.storage.ss_family = AF_INET;
  address.length = sizeof(sockaddr_storage);
  SQUALL_ASSERT(::listen(listening.get(), 1) == 0, "an unbound socket gets a port");
  SQUALL_ASSERT(getsockname(listening.get(), address.get(), &address.length) == 0, "it has a name");
  port = endpoint_of(address).port;
  const Drain drain{port};
  UniqueFd connection{::accept(listening.get(), nullptr, nullptr)};
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  for (auto _ : state) {
    off_t at = 0;
    while (static_cast<std::size_t>(at) < file_bytes) {
      SQUALL_ASSERT(::sendfile(connection.get(), file.get(), &at, file_bytes - static_cast<std::size_t>(at)) > 0,
                    "the drain reads");
    }
  }
  connection.reset();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(file_bytes));
}
BENCHMARK(SendFileBare)->UseRealTime();

// 64 KiB at a time over the same 16 MiB, so that it is the page cache that is measured and not the disk.
void Write64KiB(benchmark::State& state) {
  const ScratchDir dir;
  const ByteBuffer chunk(chunk_bytes, 7);
  LinuxWorld world{quiet()};
  world.run([&] {
    auto file = world.open(dir / "file", OpenMode::create);
    std::uint64_t at = 0;
    for (auto _ : state) {
      SQUALL_ASSERT((*file)->pwritev(std::array{ByteView{chunk}}, at) == chunk_bytes, "the disk has room");
      at = (at + chunk_bytes) % file_bytes;
    }
  });
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(chunk_bytes));
}
BENCHMARK(Write64KiB);

void Write64KiBBare(benchmark::State& state) {
  const ScratchDir dir;
  const ByteBuffer chunk(chunk_bytes, 7);
  const UniqueFd fd{::open((dir / "file").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)};
  off_t at = 0;
  for (auto _ : state) {
    SQUALL_ASSERT(::pwrite(fd.get(), chunk.data(), chunk.size(), at) == static_cast<ssize_t>(chunk_bytes), "there is room");
    at = (at + static_cast<off_t>(chunk_bytes)) % static_cast<off_t>(file_bytes);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(chunk_bytes));
}
BENCHMARK(Write64KiBBare);

// One byte there and back between two fibers of one reactor, over loopback.
void RoundTrip(benchmark::State& state) {
  LinuxWorld world{quiet()};
  world.run([&] {
    auto listener = world.listen(Endpoint{.host = "127.0.0.1", .port = 0});
    auto client = world.connect((*listener)->local(), end_of_time);
    auto server = (*listener)->accept();
    const auto echo = start_task(world, "echo", [&] {
      ByteBuffer byte(1);
      while (read_exactly(**server, byte) && write_all(**server, byte)) {
      }
    });
    ByteBuffer byte(1);
    for (auto _ : state) {
      SQUALL_ASSERT(write_all(**client, byte) && read_exactly(**client, byte), "the echo answers");
    }
    (*client)->close();
  });
}
BENCHMARK(RoundTrip);

// A system call that is done by a helper thread.
void Offloaded(benchmark::State& state) {
  Core core{1};
  core.scheduler.spawn("caller", [&] {
    for (auto _ : state) benchmark::DoNotOptimize(core.offload.run([] { return 1; }));
  });
  while (core.scheduler.alive() > 0) {
    if (!core.scheduler.run_ready() && core.scheduler.alive() > 0) core.reactor.poll(Duration::max());
  }
}
BENCHMARK(Offloaded)->UseRealTime();

}  // namespace
}  // namespace squall::runtime

BENCHMARK_MAIN();
