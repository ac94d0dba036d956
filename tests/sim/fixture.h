// What the tests of the virtual world share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "runtime/io.h"
#include "sim/simulation.h"

namespace squall::sim {

using namespace std::chrono_literals;
using runtime::IoError;
using runtime::OpenMode;

inline SimulationOptions quiet(std::uint64_t seed = 1) {
  SimulationOptions options;
  options.seed = seed;
  options.short_io_one_in = 0;
  return options;
}

inline Instant at(Duration since_start) { return Instant{since_start}; }

inline ByteBuffer filled(std::size_t count, std::uint8_t value) { return ByteBuffer(count, value); }

inline std::string read_some(runtime::Connection& connection, std::size_t most = 4096) {
  ByteBuffer buffer(most);
  const auto count = connection.read(buffer);
  if (!count) return std::string{"error: "} + std::string{to_string(count.error())};
  return std::string{as_text(ByteView{buffer}.first(*count))};
}

inline void write_file(runtime::World& world, const std::string& path, ByteView bytes, bool sync) {
  auto file = world.open(path, OpenMode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE(runtime::pwrite_all(**file, bytes, 0));
  ASSERT_TRUE(!sync || (*file)->sync());
}

inline std::string text_of(Node& node, std::string_view path) {
  const auto bytes = node.disk(path).peek(path);
  return bytes ? std::string{as_text(*bytes)} : "(no such file)";
}

// Accepts connections on port 9092 and gives back what it reads, until the stream ends.
inline void echo_server(runtime::World& world) {
  auto listener = world.listen({.host = "", .port = 9092});
  while (true) {
    auto accepted = (*listener)->accept();
    if (!accepted) return;
    world.spawn("echo", [connection = std::move(*accepted)] {
      ByteBuffer buffer(4096);
      while (true) {
        const auto count = connection->read(buffer);
        if (!count || *count == 0) return;
        if (!runtime::write_all(*connection, ByteView{buffer}.first(*count))) return;
      }
    });
  }
}

}  // namespace squall::sim
