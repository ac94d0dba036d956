#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "runtime/deadline.h"
#include "runtime/linux/file.h"
#include "runtime/linux/linux_world.h"
#include "runtime/task.h"
#include "tests/runtime/scratch_dir.h"

namespace squall::runtime {
namespace {

using namespace std::chrono_literals;

class LinuxSocketTest : public testing::Test {
 protected:
  // Runs `body` with both ends of a connection over loopback.
  void with_connection(std::move_only_function<void(Connection& client, Connection& server)> body) {
    world_.run([&] {
      const auto listener = listen();
      auto accepting = start_task(world_, "accept", [&] { return listener->accept(); });
      auto client = world_.connect(listener->local(), world_.now() + 10s);
      ASSERT_TRUE(client.has_value());
      auto server = accepting.join();
      ASSERT_TRUE(server.has_value() && server->has_value());
      body(**client, ***server);
    });
  }
  std::unique_ptr<Listener> listen() {
    auto listener = world_.listen(Endpoint{.host = "127.0.0.1", .port = 0});
    EXPECT_TRUE(listener.has_value());
    return std::move(*listener);
  }
  std::unique_ptr<File> make(const std::string& path, std::string_view content) {
    auto file = world_.open(path, OpenMode::create_new);
    EXPECT_TRUE(file.has_value());
    EXPECT_TRUE(pwrite_all(**file, as_bytes(content), 0).has_value());
    return std::move(*file);
  }
  // What comes until the peer has shut its writing side down.
  static std::string read_to_end(Connection& connection) {
    std::string text;
    ByteBuffer buffer(100'000);
    while (true) {
      const auto count = connection.read(buffer);
      EXPECT_TRUE(count.has_value()) << to_string(count.error());
      if (!count || *count == 0) return text;
      text += as_text(ByteView{buffer}.first(*count));
    }
  }
  static std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 131 + i / 977);
    return text;
  }
  LinuxWorld world_{LinuxOptions{.seed = 1, .least_level = EventLevel::off}};
};

TEST_F(LinuxSocketTest, CarriesFarMoreThanItsBuffersHoldThroughShortReadsAndWrites) {
  with_connection([&](Connection& client, Connection& server) {
    const std::string sent = pattern(8 << 20);
    auto writer = start_task(world_, "writer", [&] {
      const std::array<ByteView, 2> views{as_bytes(sent).first(1000), as_bytes(sent).subspan(1000)};
      EXPECT_TRUE(write_all(client, views).has_value());
      EXPECT_TRUE(client.shutdown(ShutdownSide::write).has_value());
    });
    EXPECT_TRUE(read_to_end(server) == sent);
    EXPECT_TRUE(writer.join());
  });
}

TEST_F(LinuxSocketTest, AHalfClosedStreamStillCarriesTheOtherWay) {
  with_connection([&](Connection& client, Connection& server) {
    EXPECT_TRUE(write_all(client, as_bytes("question")).has_value());
    EXPECT_TRUE(client.shutdown(ShutdownSide::write).has_value());
    EXPECT_EQ(read_to_end(server), "question");
    EXPECT_TRUE(write_all(server, as_bytes("answer")).has_value());
    EXPECT_TRUE(server.shutdown(ShutdownSide::write).has_value());
    EXPECT_EQ(read_to_end(client), "answer");
  });
}

TEST_F(LinuxSocketTest, TellsBothEndsApart) {
  with_connection([&](Connection& client, Connection& server) {
    EXPECT_EQ(client.peer().host, "127.0.0.1");
    EXPECT_EQ(server.peer().host, "127.0.0.1");
    EXPECT_NE(client.peer().port, server.peer().port);
  });
}

TEST_F(LinuxSocketTest, APeerThatIsGoneWithUnreadBytesResetsTheStream) {
  with_connection([&](Connection& client, Connection& server) {
    EXPECT_TRUE(write_all(server, as_bytes("unread")).has_value());
    ByteBuffer first(1);
    EXPECT_TRUE(read_exactly(client, first).has_value());  // the rest has arrived too
    client.close();
    ByteBuffer buffer(10);
    EXPECT_EQ(server.read(buffer).error(), IoError::connection_reset);
    Result<void> written;
    for (int i = 0; i < 10 && written; ++i) written = write_all(server, as_bytes("more"));
    EXPECT_EQ(written.error(), IoError::connection_reset) << "and no SIGPIPE";
  });
}

TEST_F(LinuxSocketTest, ADeadlineEndsAReadThatWaits) {
  with_connection([&](Connection&, Connection& server) {
    ByteBuffer buffer(10);
    const Instant deadline = world_.now() + 2ms;
    server.set_deadline(deadline);
    EXPECT_EQ(server.read(buffer).error(), IoError::timed_out);
    EXPECT_GE(world_.now(), deadline);
    EXPECT_EQ(server.writev(std::array{as_bytes("late")}).error(), IoError::timed_out) << "later calls fail too";
    server.set_deadline(end_of_time);
    EXPECT_EQ(server.writev(std::array{as_bytes("on time")}), 7U);
  });
}

TEST_F(LinuxSocketTest, WhatIsWrittenWithMoreToComeLeavesWithIt) {
  with_connection([&](Connection& client, Connection& server) {
    EXPECT_EQ(server.writev(std::array{as_bytes("he")}, More::yes), 2U);
    ByteBuffer buffer(10);
    client.set_deadline(world_.now() + 2ms);
    EXPECT_EQ(client.read(buffer).error(), IoError::timed_out) << "kept";
    client.set_deadline(end_of_time);
    EXPECT_EQ(server.writev(std::array{as_bytes("llo")}), 3U);
    EXPECT_EQ(client.read(buffer), 5U);
  });
}

TEST_F(LinuxSocketTest, ADeadlineSetWhileAReadWaitsCountsForIt) {
  with_connection([&](Connection&, Connection& server) {
    auto reader = start_task(world_, "reader", [&] {
      ByteBuffer buffer(10);
      return server.read(buffer);
    });
    world_.yield();
    server.set_deadline(world_.now() + 1ms);
    EXPECT_EQ(reader.join()->error(), IoError::timed_out);
  });
}

TEST_F(LinuxSocketTest, ADeadlineEndsAWriteThatWaits) {
  with_connection([&](Connection& client, Connection&) {
    client.set_deadline(world_.now() + 20ms);
    const std::string much = pattern(32 << 20);
    EXPECT_EQ(write_all(client, as_bytes(much)).error(), IoError::timed_out) << "nobody reads";
  });
}

TEST_F(LinuxSocketTest, ClosingWakesWhoWaits) {
  with_connection([&](Connection& client, Connection& server) {
    auto reader = start_task(world_, "reader", [&] {
      ByteBuffer buffer(10);
      return server.read(buffer);
    });
    world_.yield();
    server.close();
    EXPECT_EQ(reader.join()->error(), IoError::closed);
    EXPECT_EQ(server.shutdown(ShutdownSide::both).error(), IoError::closed);
    EXPECT_EQ(server.writev(std::array{as_bytes("x")}).error(), IoError::closed);
    server.close();
    EXPECT_EQ(read_to_end(client), "");
  });
}

TEST_F(LinuxSocketTest, ACancelledReadLeavesTheStreamUsable) {
  with_connection([&](Connection& client, Connection& server) {
    {
      auto reader = start_task(world_, "reader", [&] {
        ByteBuffer buffer(10);
        return server.read(buffer);
      });
      world_.yield();
      reader.cancel();
      EXPECT_FALSE(reader.join().has_value());
    }
    EXPECT_TRUE(write_all(client, as_bytes("still here")).has_value());
    ByteBuffer buffer(10);
    EXPECT_TRUE(read_exactly(server, buffer).has_value());
    EXPECT_EQ(as_text(buffer), "still here");
  });
}

TEST_F(LinuxSocketTest, SendsAFileFromThePageCache) {
  const ScratchDir dir;
  with_connection([&](Connection& client, Connection& server) {
    const std::string bytes = pattern(5 << 20);
    auto file = world_.open(dir / "segment", OpenMode::create_new);
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE(pwrite_all(**file, as_bytes(bytes), 0).has_value());
    auto sender = start_task(world_, "sender", [&] {
      EXPECT_TRUE(send_file_all(client, **file, 100, bytes.size() - 100).has_value());
      EXPECT_EQ(client.send_file(**file, bytes.size(), 10), 0U) << "the file ends there";
      EXPECT_TRUE(client.shutdown(ShutdownSide::write).has_value());
    });
    EXPECT_TRUE(read_to_end(server) == bytes.substr(100));
    EXPECT_TRUE(sender.join());
  });
}

TEST_F(LinuxSocketTest, AFileWithMoreToComeLeavesWithItsHeadAndItsTail) {
  const ScratchDir dir;
  with_connection([&](Connection& client, Connection& server) {
    const auto file = make(dir / "segment", "records");
    for (int round = 0; round < 2; ++round) {
      EXPECT_EQ(client.writev(std::array{as_bytes("head ")}, More::yes), 5U);
      EXPECT_EQ(client.send_file(*file, 0, 7, More::yes), 7U);
      ByteBuffer buffer(100);
      server.set_deadline(world_.now() + 2ms);
      EXPECT_EQ(server.read(buffer).error(), IoError::timed_out) << "kept";
      server.set_deadline(end_of_time);
      EXPECT_EQ(client.writev(std::array{as_bytes(" tail")}), 5U);
      EXPECT_EQ(server.read(buffer), 17U);
    }
  });
}

TEST_F(LinuxSocketTest, ASendFileTakesAPartAndWaitsForThePeerToReadTheRest) {
  const ScratchDir dir;
  with_connection([&](Connection& client, Connection& server) {
    const std::string bytes = pattern(32 << 20);  // more than any send and receive buffer holds
    const auto file = make(dir / "segment", bytes);
    client.set_deadline(world_.now() + 20ms);
    std::uint64_t taken = 0;
    Result<std::size_t> count = 0;
    while ((count = client.send_file(*file, taken, bytes.size() - taken))) {
      ASSERT_GT(*count, 0U);
      taken += *count;
    }
    EXPECT_EQ(count.error(), IoError::timed_out) << "nobody reads";
    EXPECT_GT(taken, 0U);
    EXPECT_LT(taken, bytes.size());
    client.set_deadline(end_of_time);
    auto sender = start_task(world_, "sender", [&] {
      EXPECT_TRUE(send_file_all(client, *file, taken, bytes.size() - taken).has_value());
      EXPECT_TRUE(client.shutdown(ShutdownSide::write).has_value());
    });
    EXPECT_TRUE(read_to_end(server) == bytes);
    EXPECT_TRUE(sender.join());
  });
}

TEST_F(LinuxSocketTest, AfterAWaitForThePeerThePageCacheIsAskedAgain) {
  const ScratchDir dir;
  with_connection([&](Connection& client, Connection& server) {
    const std::string bytes = pattern(32 << 20);
    const auto file = make(dir / "segment", bytes);
    ASSERT_TRUE(file->sync().has_value());
    auto sender = start_task(world_, "sender", [&] {
      EXPECT_TRUE(send_file_all(client, *file, 0, bytes.size()).has_value());
      EXPECT_TRUE(client.shutdown(ShutdownSide::write).has_value());
    });
    world_.sleep_until(world_.now() + 20ms);  // until the buffers are full and it waits
    const int fd = static_cast<LinuxFile&>(*file).fd();
    ASSERT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    char byte = 0;
    const iovec last{.iov_base = &byte, .iov_len = 1};
    const bool forgotten = preadv2(fd, &last, 1, (32 << 20) - 1, RWF_NOWAIT) < 1;  // not every file system does as it is told
    const Counter& cold = world_.metrics().counter("squall_disk_cold_reads_total");
    const std::uint64_t before = cold.value;
    EXPECT_TRUE(read_to_end(server) == bytes);
    EXPECT_TRUE(sender.join());
    EXPECT_TRUE(!forgotten || cold.value > before)
        << "what the cache forgot meanwhile was read by a helper, not by the reactor";
  });
}

TEST_F(LinuxSocketTest, AFileThatIsCutShortUnderASendEndsIt) {
  const ScratchDir dir;
  with_connection([&](Connection& client, Connection& server) {
    const std::string bytes = pattern(32 << 20);
    const auto file = make(dir / "segment", bytes);
    auto sender = start_task(world_, "sender", [&] {
      const auto sent = send_file_all(client, *file, 0, bytes.size());
      EXPECT_TRUE(client.shutdown(ShutdownSide::write).has_value());
      return sent;
    });
    world_.yield();  // the buffers are full, and it waits
    ASSERT_TRUE(file->truncate(31 << 20).has_value());
    const std::string received = read_to_end(server);
    EXPECT_EQ(sender.join()->error(), IoError::io_failure) << "not a wait for bytes that will never be";
    EXPECT_TRUE(received == bytes.substr(0, 31 << 20));
  });
}

TEST_F(LinuxSocketTest, AConnectionToAClosedPortIsRefused) {
  world_.run([&] {
    const auto listener = listen();
    const Endpoint there = listener->local();
    listener->close();
    EXPECT_EQ(world_.connect(there, world_.now() + 10s).error(), IoError::connection_refused);
  });
}

TEST_F(LinuxSocketTest, ANameThatDoesNotResolveSaysSo) {
  world_.run([&] {
    const std::string longer_than_names_get(300, 'x');  // so that no name server is asked
    const auto refused = world_.connect(Endpoint{.host = longer_than_names_get, .port = 1}, world_.now() + 30s);
    EXPECT_EQ(refused.error(), IoError::name_not_resolved);
  });
}

TEST_F(LinuxSocketTest, APortCanBeListenedOnOnceOnly) {
  world_.run([&] {
    const auto first = listen();
    EXPECT_EQ(world_.listen(first->local()).error(), IoError::address_in_use);
  });
}

TEST_F(LinuxSocketTest, AnEmptyHostListensOnEveryAddress) {
  world_.run([&] {
    auto listener = world_.listen(Endpoint{.host = "", .port = 0});
    ASSERT_TRUE(listener.has_value());
    const Endpoint there{.host = "127.0.0.1", .port = (*listener)->local().port};
    const auto client = world_.connect(there, world_.now() + 10s);
    EXPECT_TRUE(client.has_value());
    const auto server = (*listener)->accept();
    ASSERT_TRUE(server.has_value());
    EXPECT_EQ((*server)->peer().host, "127.0.0.1") << "IPv4 peers of an IPv6 socket are shown as what they are";
  });
}

TEST_F(LinuxSocketTest, ClosingAListenerEndsItsAccept) {
  world_.run([&] {
    const auto listener = listen();
    auto accepting = start_task(world_, "accept", [&] { return listener->accept(); });
    world_.yield();
    listener->close();
    EXPECT_EQ(accepting.join()->error(), IoError::closed);
    EXPECT_EQ(listener->accept().error(), IoError::closed);
  });
}

TEST_F(LinuxSocketTest, AcceptWaitsOutAShortageOfDescriptors) {
  world_.run([&] {
    const auto listener = listen();
    auto client = world_.connect(listener->local(), world_.now() + 10s);
    ASSERT_TRUE(client.has_value());
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlimit none{.rlim_cur = 3, .rlim_max = limit.rlim_max};  // every number below is taken
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    auto accepting = start_task(world_, "accept", [&] { return listener->accept(); });
    const Counter& shortages = world_.metrics().counter("squall_accept_shortages_total");
    while (shortages.value == 0) world_.yield();
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    const auto server = accepting.join();
    EXPECT_TRUE(server->has_value());
  });
}

TEST_F(LinuxSocketTest, ConnectionsLeaveDescriptorsForFiles) {
  const ScratchDir dir;
  world_.run([&] {
    const auto listener = listen();
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlimit few{.rlim_cur = 256, .rlim_max = limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    const Counter& shortages = world_.metrics().counter("squall_accept_shortages_total");
    std::vector<std::unique_ptr<Connection>> clients;
    std::vector<std::unique_ptr<Connection>> served;
    auto accepting = start_task(world_, "accept", [&] {
      while (auto connection = listener->accept()) served.push_back(std::move(*connection));
    });
    while (shortages.value == 0) {
      auto client = world_.connect(listener->local(), world_.now() + 10s);
      ASSERT_TRUE(client.has_value()) << "after " << clients.size();
      clients.push_back(std::move(*client));
      world_.sleep_until(world_.now() + 1ms);
    }
    std::vector<std::unique_ptr<File>> files;
    for (int i = 0; i < 60; ++i) files.push_back(make(dir / ("file-" + std::to_string(i)), "text"));
    EXPECT_LT(served.size(), clients.size());
    clients.clear();
    served.clear();
    files.clear();
    auto late = world_.connect(listener->local(), world_.now() + 10s);
    ASSERT_TRUE(late.has_value());
    while (served.empty()) world_.sleep_until(world_.now() + 1ms);
    listener->close();
    (void)accepting.join();
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  });
}

TEST_F(LinuxSocketTest, ManyConnectionsAreServedAtOnce) {
  world_.run([&] {
    const auto listener = listen();
    constexpr int clients = 50;
    auto echo = start_task(world_, "echo", [&] {
      std::vector<Task<void>> sessions;
      for (int i = 0; i < clients; ++i) {
        auto connection = listener->accept();
        EXPECT_TRUE(connection.has_value());
        sessions.push_back(start_task(world_, "session", [held = std::move(*connection)] {
          EXPECT_TRUE(write_all(*held, as_bytes(read_to_end(*held))).has_value());
          EXPECT_TRUE(held->shutdown(ShutdownSide::write).has_value());
        }));
      }
      for (auto& session : sessions) EXPECT_TRUE(session.join());
    });
    std::vector<Task<void>> tasks;
    for (int i = 0; i < clients; ++i) {
      tasks.push_back(start_task(world_, "client", [&, i] {
        auto connection = world_.connect(listener->local(), world_.now() + 10s);
        ASSERT_TRUE(connection.has_value());
        const std::string text = pattern(static_cast<std::size_t>(i) * 1000 + 1);
        EXPECT_TRUE(write_all(**connection, as_bytes(text)).has_value());
        EXPECT_TRUE((*connection)->shutdown(ShutdownSide::write).has_value());
        EXPECT_TRUE(read_to_end(**connection) == text);
      }));
    }
    for (auto& task : tasks) EXPECT_TRUE(task.join());
    EXPECT_TRUE(echo.join());
  });
}

}  // namespace
}  // namespace squall::runtime
