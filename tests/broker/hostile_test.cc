// Frames that nobody should send, and versions: each is closed on or answered with an error, and the broker goes on.
#include <gtest/gtest.h>

#include "broker/handlers/handler.h"
#include "protocol/error_code.h"
#include "protocol/messages/api_versions.h"
#include "protocol/messages/metadata.h"
#include "tests/broker/fixture.h"

namespace squall::broker {
namespace {

using HostileTest = BrokerTest;

void expect_alive(Caller& caller) {
  Caller other{caller.world(), "broker"};
  EXPECT_TRUE(other.ask<protocol::ApiVersionsResponse>(protocol::ApiVersionsRequest{}, 0)) << "the broker goes on";
}

ByteBuffer raw(std::initializer_list<std::int32_t> words) {
  ByteBuffer bytes;
  for (const std::int32_t word : words) {
    bytes.resize(bytes.size() + 4);
    store_be(bytes.data() + bytes.size() - 4, word);
  }
  return bytes;
}

TEST_F(HostileTest, SizesThatCannotBeCloseTheConnection) {
  start({{"socket.request.max.bytes", "1000"}});
  talk([](Caller& caller) {
    for (const std::int32_t size : {-1, 0, 7, 1001, 0x7FFFFFFF}) {
      Caller hostile{caller.world(), "broker"};
      hostile.send(raw({size, 0, 0, 0}));
      EXPECT_EQ(hostile.receive(), std::nullopt) << size;
    }
    expect_alive(caller);
  });
}

TEST_F(HostileTest, UnknownApisAndVersionsCloseTheConnection) {
  start();
  talk([](Caller& caller) {
    for (const std::int32_t key_and_version : {0x03E70000, 0x00000002, 0x00030063, 0x000A0000}) {
      Caller hostile{caller.world(), "broker"};
      hostile.send(raw({12, key_and_version, 1, 0}));
      EXPECT_EQ(hostile.receive(), std::nullopt) << key_and_version;
    }
    expect_alive(caller);
  });
}

TEST_F(HostileTest, AnUnknownVersionOfApiVersionsIsAnsweredInVersionZero) {
  start();
  talk([](Caller& caller) {
    caller.send(raw({12, 0x0012002A, 0, 0}));
    const auto bytes = caller.receive();
    ASSERT_TRUE(bytes);
    protocol::Reader reader{ByteView{*bytes}.subspan(4)};
    protocol::ApiVersionsResponse response;
    ASSERT_TRUE(decode(reader, 0, response));
    EXPECT_EQ(response.error_code, wire(protocol::ErrorCode::unsupported_version));
    EXPECT_EQ(response.api_keys.size(), api_handlers(ListenerKind::broker).size());
  });
}

TEST_F(HostileTest, ProduceIsClaimedFromVersionZeroOn) {
  start();
  talk([](Caller& caller) {
    const auto response = caller.ask<protocol::ApiVersionsResponse>(protocol::ApiVersionsRequest{}, 0);
    ASSERT_TRUE(response);
    ASSERT_EQ(response->api_keys.at(0).api_key_, 0);
    EXPECT_EQ(response->api_keys[0].min_version, 0);
    EXPECT_EQ(response->api_keys[0].max_version, 13);
  });
}

TEST_F(HostileTest, ATruncatedFrameEndsWithItsConnection) {
  start();
  talk([](Caller& caller) {
    {
      Caller hostile{caller.world(), "broker"};
      hostile.send(raw({100, 0x00030000}));
      (void)hostile.connection().shutdown(runtime::ShutdownSide::write);
      EXPECT_EQ(hostile.receive(), std::nullopt);
    }
    expect_alive(caller);
  });
}

TEST_F(HostileTest, RandomBodiesNeverTakeTheBrokerDown) {
  start();
  talk([](Caller& caller) {
    Random random{7};
    for (int i = 0; i < 300; ++i) {
      Caller hostile{caller.world(), "broker"};
      const ApiHandler& handler = *api_handlers(ListenerKind::broker)[random.below(api_handlers(ListenerKind::broker).size())];
      ByteBuffer bytes(4 + 10 + random.below(60));
      random.fill(bytes);
      store_be<std::int32_t>(bytes.data(), static_cast<std::int32_t>(bytes.size() - 4));
      store_be<std::int16_t>(bytes.data() + 4, handler.key);
      store_be<std::int16_t>(bytes.data() + 6, static_cast<std::int16_t>(random.between(handler.min, handler.max)));
      store_be<std::int16_t>(bytes.data() + 12, -1);
      hostile.send(bytes);
      (void)hostile.connection().shutdown(runtime::ShutdownSide::write);
      ByteBuffer answer(64);
      while (true) {
        const auto got = hostile.connection().read(answer);
        if (!got || *got == 0) break;
      }
    }
    expect_alive(caller);
  });
}

TEST_F(HostileTest, RequestsWaitForMemoryAndAllAreServed) {
  start({{"queued.max.request.bytes", "1"}, {"queued.max.requests", "1"}});
  talk([](Caller& caller) {
    std::size_t served = 0;
    runtime::WaitQueue done{caller.world()};
    for (int i = 0; i < 20; ++i) {
      caller.world().spawn("many", [&] {
        Caller one{caller.world(), "broker"};
        protocol::MetadataRequest all;
        all.topics = std::nullopt;
        if (one.ask<protocol::MetadataResponse>(all, 12)) ++served;
        done.wake_all();
      });
    }
    while (served < 20) ASSERT_EQ(done.wait(caller.world().now() + 10s), runtime::Wake::unparked);
    EXPECT_EQ(served, 20U);
  });
}

TEST_F(HostileTest, ConnectionsAboveTheLimitAreClosedAtOnce) {
  start({{"max.connections", "2"}});
  talk([](Caller& caller) {
    EXPECT_TRUE(caller.ask<protocol::ApiVersionsResponse>(protocol::ApiVersionsRequest{}, 0));
    Caller second{caller.world(), "broker"};
    EXPECT_TRUE(second.ask<protocol::ApiVersionsResponse>(protocol::ApiVersionsRequest{}, 0));
    Caller third{caller.world(), "broker"};
    EXPECT_FALSE(third.ask<protocol::ApiVersionsResponse>(protocol::ApiVersionsRequest{}, 0));
  });
}

TEST_F(HostileTest, AnIdleConnectionIsClosed) {
  start({{"connections.max.idle.ms", "2000"}});
  talk([](Caller& caller) {
    const Instant before = caller.world().now();
    EXPECT_EQ(caller.receive(), std::nullopt);
    EXPECT_GE(caller.world().now() - before, 2s);
    EXPECT_LE(caller.world().now() - before, 3s);
  });
}

TEST_F(HostileTest, AWrongMetaPropertiesIsNamed) {
  start();
  broker_node->request_stop();
  simulation.run_for(5s);
  config["node.id"] = "2";
  broker_node->restart();
  simulation.run_for(1s);
  ASSERT_TRUE(start_error.has_value());
  EXPECT_EQ(start_error->code, ExitCode::corrupt_metadata);
  EXPECT_TRUE(start_error->message.contains("meta.properties")) << start_error->message;
}

}  // namespace
}  // namespace squall::broker
