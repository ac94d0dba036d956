// A broker on one virtual node and whoever talks to it on another.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "broker/broker.h"
#include "broker/request_context.h"
#include "protocol/api.h"
#include "protocol/error_code.h"
#include "protocol/reader.h"
#include "protocol/record_batch_builder.h"
#include "protocol/writer.h"
#include "runtime/wait_queue.h"
#include "sim/simulation.h"

namespace squall::broker {

using namespace std::chrono_literals;

// One connection, spoken to by hand.
class Caller {
 public:
  Caller(runtime::World& world, const std::string& host, std::uint16_t port = 9092) : world_{world} {
    auto connected = world.connect({host, port}, world.now() + 5s);
    if (connected) connection_ = std::move(*connected);
  }
  [[nodiscard]] runtime::Connection& connection() { return *connection_; }
  [[nodiscard]] runtime::World& world() { return world_; }

  // A whole frame of `request`.
  template <class Request>
  ByteBuffer frame(const Request& request, std::int16_t version) {
    ByteBuffer bytes;
    {
      protocol::Writer writer{bytes};
      writer.integer<std::int32_t>(0);
      writer.integer<std::int16_t>(Request::api_key);
      writer.integer<std::int16_t>(version);
      writer.integer<std::int32_t>(++correlation_);
      writer.string(std::string_view{"test"}, false, "client_id");
      if (protocol::request_header_version(Request::api_key, version) >= 2) writer.unsigned_varint(0);
      const auto done = encode(writer, version, request);
      EXPECT_TRUE(done.has_value()) << Request::message_name << " v" << version << " " << (done ? "" : done.error().field);
    }
    store_be<std::int32_t>(bytes.data(), static_cast<std::int32_t>(bytes.size() - 4));
    return bytes;
  }
  void send(ByteView bytes) { (void)runtime::write_all(*connection_, bytes); }
  // The next response's body, or nothing if the connection ended.
  std::optional<ByteBuffer> receive() {
    ByteBuffer size(4);
    if (!runtime::read_exactly(*connection_, size)) return std::nullopt;
    ByteBuffer bytes(static_cast<std::size_t>(load_be<std::int32_t>(size.data())));
    if (!runtime::read_exactly(*connection_, bytes)) return std::nullopt;
    EXPECT_EQ(load_be<std::int32_t>(bytes.data()), correlation_);
    return bytes;
  }
  // Nothing: the connection was closed, or the answer makes no sense.
  template <class Response, class Request>
  std::optional<Response> ask(const Request& request, std::int16_t version) {
    send(frame(request, version));
    return receive<Response>(version);
  }
  template <class Response>
  std::optional<Response> receive(std::int16_t version) {
    auto bytes = receive();
    if (!bytes) return std::nullopt;
    last_ = std::move(*bytes);
    const bool flexible = protocol::response_header_version(Response::api_key, version) > 0;
    protocol::Reader reader{ByteView{last_}.subspan(flexible ? 5 : 4)};
    Response response;
    if (!decode(reader, version, response) || reader.remaining() != 0) return std::nullopt;
    return response;
  }

 private:
  runtime::World& world_;
  std::unique_ptr<runtime::Connection> connection_;
  std::int32_t correlation_ = 0;
  ByteBuffer last_;  // records of the last response point into it
};

struct BrokerTest : testing::Test {
  BrokerTest() {
    sim::NodeOptions broker_options;
    broker_options.name = "broker";
    sim::NodeOptions client_options;
    client_options.name = "client";
    broker_node = &simulation.add_node(broker_options);
    client_node = &simulation.add_node(client_options);
  }

  void start(ConfigValues values = {}) {
    values.try_emplace("listeners", "PLAINTEXT://broker:9092");
    values.try_emplace("log.dirs", "/data");
    config = values;
    broker_node->start("broker", [this](runtime::World& world) {
      auto parsed = broker_config_from(config);
      ASSERT_TRUE(parsed.has_value()) << parsed.error();
      Broker broker{world, std::move(parsed->config)};
      if (const auto started = broker.start(); !started) {
        start_error = started.error();
        return;
      }
      bool stop = false;
      runtime::WaitQueue stopped{world};
      broker_node->set_stop_handler([&] {
        stop = true;
        stopped.wake_all();
      });
      while (!stop) (void)stopped.wait();
      broker.stop();
    });
    simulation.run_for(1s);
  }

  // Runs `talk` on the client's machine until it ends, or for a virtual minute.
  void talk(std::function<void(Caller&)> talk) {
    bool ended = false;
    const auto process = [&](runtime::World& world) {
      {
        Caller caller{world, "broker"};
        talk(caller);
      }
      ended = true;
    };
    client_node->start("client", process);
    simulation.run_while([&] { return !ended; }, simulation.now() + 60s);
    EXPECT_TRUE(ended) << "the conversation hangs";
    simulation.run_for(10ms);
  }

  sim::Simulation simulation{{}};
  sim::Node* broker_node = nullptr;
  sim::Node* client_node = nullptr;
  ConfigValues config;
  std::optional<StartError> start_error;
};

inline ByteBuffer batch_of(std::size_t records, const protocol::BatchOptions& options = {}) {
  protocol::RecordBatchBuilder builder;
  builder.start(options);
  for (std::size_t i = 0; i < records; ++i) {
    const std::string value = "value " + std::to_string(i);
    builder.append(1'767'225'600'000, std::nullopt, as_bytes(value));
  }
  protocol::Compressor compressor;
  const ByteView built = builder.finish(compressor);
  return {built.begin(), built.end()};
}

}  // namespace squall::broker
