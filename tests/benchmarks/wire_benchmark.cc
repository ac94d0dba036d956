// The production broker over loopback beside the least that a server could do, in one run:
//
//   produce  Produce acks=1 of 64 KiB batches, 8 in flight   against  recv + pwrite of the same bytes
//   fetch    Fetch of 1 MiB of those batches                 against  sendfile of the same bytes of the same segment file,
//            because the size of a file's pages in the cache, which is luck, can halve the speed of either
//   start    exec to the first acknowledged record; resident memory of an idle node
//
// The load side is the same single thread for both. Prints one line a figure; measures, and asserts nothing about speed.
//
//   wire_benchmark PATH_TO_SQUALL_BROKER [start | rates]    both without a name
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/fetch.h"
#include "protocol/messages/produce.h"
#include "protocol/record_batch_builder.h"
#include "protocol/writer.h"
#include "tests/benchmarks/child_process.h"
#include "tests/benchmarks/raw_socket.h"

namespace squall::benchmarks {
namespace {

namespace fs = std::filesystem;
using Seconds = std::chrono::duration<double>;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t records_per_batch = 64;
constexpr std::size_t fetch_bytes = std::size_t{1} << 20;
constexpr int in_flight_max = 8;
constexpr int rounds = 5;
constexpr int starts = 15;
constexpr int fetch_passes = 5;              // a round
constexpr std::int16_t produce_version = 8;  // the last ones with topic names and fixed-size headers
constexpr std::int16_t fetch_version = 11;
constexpr std::int16_t create_topics_version = 4;

template <class Message>
ByteBuffer frame_of(std::int16_t api_key, std::int16_t version, const Message& message) {
  ByteBuffer frame(14);
  store_be<std::int16_t>(frame.data() + 4, api_key);
  store_be<std::int16_t>(frame.data() + 6, version);
  store_be<std::int32_t>(frame.data() + 8, 7);    // correlation id
  store_be<std::int16_t>(frame.data() + 12, -1);  // no client id
  protocol::Writer writer{frame};
  if (!encode(writer, version, message)) give_up("encode");
  store_be<std::int32_t>(frame.data(), static_cast<std::int32_t>(frame.size() - 4));
  return frame;
}

ByteBuffer batch_of_64_kib() {
  protocol::RecordBatchBuilder builder;
  builder.start({});
  ByteBuffer value(1012);
  Random{1}.fill(value);
  for (std::size_t i = 0; i < records_per_batch; ++i) builder.append(1'700'000'000'000, {}, ByteView{value});
  (void)builder.finish();
  return builder.take();
}

ByteBuffer produce_frame(const ByteBuffer& batch) {
  protocol::ProduceRequest request;
  request.acks = 1;
  request.timeout_ms = 30'000;
  auto& topic = request.topic_data.emplace_back();
  topic.name = "load";
  auto& partition = topic.partition_data.emplace_back();
  partition.index = 0;
  partition.records.is_null = false;
  partition.records.bytes = batch;
  return frame_of(0, produce_version, request);
}

ByteBuffer fetch_frame(std::int64_t offset) {
  protocol::FetchRequest request;
  request.replica_id = -1;
  request.max_wait_ms = 1000;
  request.min_bytes = 1;
  request.max_bytes = static_cast<std::int32_t>(fetch_bytes);
  request.session_epoch = -1;
  auto& topic = request.topics.emplace_back();
  topic.topic = "load";
  auto& partition = topic.partitions.emplace_back();
  partition.partition = 0;
  partition.fetch_offset = offset;
  partition.partition_max_bytes = static_cast<std::int32_t>(fetch_bytes);
  return frame_of(1, fetch_version, request);
}

// A broker in a directory of its own, with the topic `load`.
class RunningBroker {
 public:
  RunningBroker(const std::string& program, const fs::path& directory)
      : begun_{SteadyClock::now()},
        port_{free_port()},
        process_{{program, "--data-dir", directory.string(), "--port", std::to_string(port_)}},
        socket_{RawSocket::connect_to(port_)} {
    protocol::CreateTopicsRequest request;
    request.timeout_ms = 10'000;
    auto& topic = request.topics.emplace_back();
    topic.name = "load";
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    socket_.send_all(frame_of(19, create_topics_version, request));
    socket_.receive_frame(answer_);
  }
  RawSocket& socket() { return socket_; }
  [[nodiscard]] Seconds since_start() const { return SteadyClock::now() - begun_; }
  [[nodiscard]] std::uint64_t resident_kib() const { return process_.resident_kib(); }

 private:
  SteadyClock::time_point begun_;
  std::uint16_t port_;
  ChildProcess process_;
  RawSocket socket_;
  ByteBuffer answer_;
};

// Sends `count` copies of `frame`, at most 8 unanswered. Returns bytes per second.
double produce_rate(RawSocket& socket, const ByteBuffer& frame, int count) {
  const auto begun = SteadyClock::now();
  ByteBuffer answer;
  for (int sent = 0, answered = 0; answered < count;) {
    if (sent < count && sent - answered < in_flight_max) {
      socket.send_all(frame);
      ++sent;
      continue;
    }
    socket.receive_frame(answer);
    ++answered;
  }
  return static_cast<double>(frame.size()) * count / Seconds{SteadyClock::now() - begun}.count();
}

// Reads the whole partition, 1 MiB at a time.
double fetch_rate(RawSocket& socket, std::size_t batch_bytes, int batches) {
  const auto begun = SteadyClock::now();
  ByteBuffer answer;
  std::uint64_t received = 0;
  const std::uint64_t expected = static_cast<std::uint64_t>(batches) * batch_bytes;
  while (received < expected) {
    const auto offset = static_cast<std::int64_t>(received / batch_bytes * records_per_batch);
    socket.send_all(fetch_frame(offset));
    socket.receive_frame(answer);
    const std::uint64_t whole = answer.size() / batch_bytes;
    if (whole == 0) {
      fmt::print(stderr, "a fetch answered {} bytes, less than a batch\n", answer.size());
      std::exit(1);
    }
    received += whole * batch_bytes;
  }
  return static_cast<double>(received) / Seconds{SteadyClock::now() - begun}.count();
}

void bare_produce_server(RawListener& listener, const fs::path& file) {
  RawSocket socket = listener.accept();
  const int descriptor = open(file.c_str(), O_CREAT | O_TRUNC | O_RDWR, 0600);
  ByteBuffer frame;
  ByteBuffer answer(64);
  store_be<std::int32_t>(answer.data(), 60);
  off_t position = 0;
  while (socket.receive_frame(frame)) {
    if (pwrite(descriptor, frame.data(), frame.size(), position) != static_cast<ssize_t>(frame.size())) give_up("pwrite");
    position += static_cast<off_t>(frame.size());
    socket.send_all(answer);
  }
}

void bare_fetch_server(RawListener& listener, const fs::path& file, std::size_t batch_bytes) {
  RawSocket socket = listener.accept();
  const int descriptor = open(file.c_str(), O_RDONLY);
  const std::size_t whole = fetch_bytes / batch_bytes * batch_bytes;
  ByteBuffer frame;
  ByteBuffer head(68);
  store_be<std::int32_t>(head.data(), static_cast<std::int32_t>(64 + whole));
  off_t position = 0;
  while (socket.receive_frame(frame)) {
    socket.send_all(head);
    for (std::size_t left = whole; left > 0;) {
      const auto count = sendfile(socket.descriptor(), descriptor, &position, left);
      if (count < 0) give_up("sendfile");
      if (count == 0) position = 0;
      left -= static_cast<std::size_t>(count);
    }
  }
}

struct Rates {
  double broker;
  double bare;
};

void print_ratio(const char* name, std::vector<Rates> rates, int goal_percent) {
  std::sort(rates.begin(), rates.end(), [](const Rates& a, const Rates& b) { return a.broker / a.bare < b.broker / b.bare; });
  const Rates& median = rates[rates.size() / 2];
  fmt::print("{:<8} broker {:6.0f} MB/s, bare loop {:6.0f} MB/s, ratio {:5.1f} % (median of {}; goal {} %)\n", name,
             median.broker / 1e6, median.bare / 1e6, 100 * median.broker / median.bare, rates.size(), goal_percent);
}

// Pass by pass in turn, so that both meet the same neighbours on the machine.
void compare_fetches(RunningBroker& broker, const fs::path& directory, std::size_t batch_bytes, int batches,
                     std::vector<Rates>& fetch) {
  const fs::path segment = directory / "broker" / "load-0" / "00000000000000000000.log";
  RawListener listener;
  const ChildProcess server{[&] { bare_fetch_server(listener, segment, batch_bytes); }};
  RawSocket socket = RawSocket::connect_to(listener.port());
  for (int pass = 0; pass < fetch_passes; ++pass) {
    Rates rates{};
    rates.broker = fetch_rate(broker.socket(), batch_bytes, batches);
    rates.bare = fetch_rate(socket, batch_bytes, batches);
    fetch.push_back(rates);
  }
}

void compare_rates(const std::string& program, const fs::path& scratch, int batches) {
  const ByteBuffer batch = batch_of_64_kib();
  const ByteBuffer frame = produce_frame(batch);
  std::vector<Rates> produce;
  std::vector<Rates> fetch;
  for (int round = 0; round < rounds; ++round) {
    const fs::path directory = scratch / std::to_string(round);
    fs::create_directory(directory);
    const fs::path file = directory / "bare";
    Rates rates{};
    RunningBroker broker{program, directory / "broker"};
    rates.broker = produce_rate(broker.socket(), frame, batches);
    {
      RawListener listener;
      const ChildProcess server{[&] { bare_produce_server(listener, file); }};
      RawSocket socket = RawSocket::connect_to(listener.port());
      rates.bare = produce_rate(socket, frame, batches);
    }
    produce.push_back(rates);
    compare_fetches(broker, directory, batch.size(), batches, fetch);
    fs::remove_all(directory);
  }
  print_ratio("produce", produce, 60);
  print_ratio("fetch", fetch, 70);
}

void measure_start(const std::string& program, const fs::path& scratch) {
  const ByteBuffer frame = produce_frame(batch_of_64_kib());
  std::vector<double> taken;
  std::uint64_t resident = 0;
  for (int round = 0; round < starts; ++round) {
    const fs::path directory = scratch / "start";
    fs::create_directory(directory);
    RunningBroker broker{program, directory / "broker"};
    produce_rate(broker.socket(), frame, 1);
    taken.push_back(broker.since_start().count() * 1e3);
    resident = std::max(resident, broker.resident_kib());
    fs::remove_all(directory);
  }
  std::sort(taken.begin(), taken.end());
  fmt::print("start    to the first acknowledged record: median {:.1f} ms, worst {:.1f} ms (of {}; goal 50 ms)\n",
             taken[starts / 2], taken.back(), starts);
  fmt::print("resident {:.1f} MiB with one topic, idle (goal 30 MiB)\n", static_cast<double>(resident) / 1024);
}

int run(int argc, char** argv) {
  const std::string_view part = argc == 3 ? argv[2] : "";
  const bool known = argc == 2 || part == "start" || part == "rates";
  if (argc < 2 || argc > 3 || !known) {
    fmt::print(stderr, "usage: wire_benchmark PATH_TO_SQUALL_BROKER [start | rates]\n");
    return 2;
  }
  const fs::path scratch = fs::temp_directory_path() / fmt::format("squall-wire-benchmark-{}", getpid());
  fs::create_directory(scratch);
  if (part != "rates") measure_start(argv[1], scratch);
  if (part != "start") compare_rates(argv[1], scratch, 4000);
  fs::remove_all(scratch);
  return 0;
}

}  // namespace
}  // namespace squall::benchmarks

int main(int argc, char** argv) { return squall::benchmarks::run(argc, argv); }
