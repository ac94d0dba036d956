// The virtual network: byte streams between nodes, and everything that can go wrong with them.
//
// What it models. Each directed pair of nodes is a link with a base latency and exponential jitter from the link's own stream
// of draws; bytes of one connection direction keep their order, connections overtake each other. A node's NIC is shared by all
// its connections, each way. A connection holds at most `socket_buffer_bytes` a direction between the writer's call and the
// reader's: then the writer waits. Reads and writes may be short.
//
// The fault model: what each does, and what the product must survive.
//   latency, jitter   slower links. Time-outs must be measured, not assumed; nothing may depend on a fast answer.
//   loss              segments arrive late by TCP's retransmission time-outs (200 ms, doubling), never out of order or twice.
//                     Head-of-line blocking: a pipeline stalls as a whole.
//   random reset      a segment is replaced by a reset of its connection, both ways; what was under way is lost. The sender
//                     cannot know what had arrived: retries must be idempotent or say so.
//   partition         black hole: nothing passes; what is sent meanwhile arrives after the heal, late. After `give_up_after`
//                     without an answer the sender's side fails with a reset. refuse: connections are reset, new ones refused.
//                     One-way: data passes in the other direction, but its sender learns of no progress and its buffer fills.
//   flapping          a partition that comes and goes.
//   clogging          what is under way stands still for a while, then arrives at once; connections stay up.
//   bandwidth limit   on a link or on a node's NIC: queues grow, latency with them; replication and clients compete.
//   connect           refused (no listener, the machine is up), black hole (partition, power off, backlog full: the caller
//                     waits for its deadline), reset while it waits in the backlog.
//   peer closes       half-close: the other direction goes on. Full close: bytes that still arrive there are answered by a
//                     reset, one round trip later.
//   peer crashes      process: reset. Machine: silence, until it is back and answers old connections with resets; a connection
//                     that sends nothing stays half-open for ever.
//   peer pauses       its kernel goes on accepting bytes until the buffers are full, and connections until the backlog is.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "runtime/io.h"
#include "sim/ledger.h"
#include "sim/link.h"
#include "sim/scheduler.h"
#include "sim/stream.h"

namespace squall::sim {

class ListenerState;
class Node;
class NodeWorld;
class Simulation;

struct NetworkOptions {
  std::uint64_t socket_buffer_bytes = 512 * 1024;  // a direction: the sender's and the receiver's together
  std::size_t listen_backlog = 128;
  Duration loopback_latency = std::chrono::microseconds{15};
  Duration retransmit_first = std::chrono::milliseconds{200};  // doubles each time
  Duration retransmit_max = std::chrono::seconds{120};
  Duration connect_retry_first = std::chrono::seconds{1};  // of an unanswered attempt; doubles each time
  Duration give_up_after = std::chrono::minutes{15};       // of unanswered retransmissions
};

enum class Ways : std::uint8_t { both, one };  // one: only what `from` sends to `to`

class Network {
 public:
  Network(Simulation& simulation, NetworkOptions options);
  ~Network();

  // ---- faults; each returns its entry in the ledger ----
  FaultId partition(Node& from, Node& to, PartitionKind kind = PartitionKind::black_hole, Ways ways = Ways::both);
  // Down for `down`, up for `up`, and again, until `until`; ends up.
  FaultId flap(Node& from, Node& to, Duration down, Duration up, Instant until, Ways ways = Ways::both);
  FaultId clog(Node& from, Node& to, Duration duration, Ways ways = Ways::both);
  FaultId set_loss(Node& from, Node& to, std::uint32_t per_million, Ways ways = Ways::both);
  FaultId set_resets(Node& from, Node& to, std::uint32_t per_million, Ways ways = Ways::both);
  FaultId set_latency(Node& from, Node& to, Duration latency, Duration jitter, Ways ways = Ways::both);
  FaultId limit_bandwidth(Node& from, Node& to, std::uint64_t bytes_per_second, Ways ways = Ways::both);  // 0: no limit
  FaultId limit_nic(Node& node, std::uint64_t bytes_per_second);                                          // 0: the profile's
  // Resets every connection between the two, now.
  FaultId reset_connections(Node& from, Node& to);

  // Lifts partitions, flapping and clogging between the two; `heal_all` lifts every network fault everywhere, NIC limits and
  // slow links included.
  void heal(Node& from, Node& to, Ways ways = Ways::both);
  void heal_all();

  [[nodiscard]] Link& link(const Node& from, const Node& to);
  [[nodiscard]] std::size_t open_streams() const;
  // Bytes that connections have carried to their readers' side.
  [[nodiscard]] std::uint64_t bytes_delivered() const { return bytes_delivered_; }

  // ---- for worlds: from a fiber, may wait ----
  runtime::Result<std::unique_ptr<runtime::Listener>> listen(NodeWorld& world, const runtime::Endpoint& endpoint);
  runtime::Result<std::unique_ptr<runtime::Connection>> connect(NodeWorld& world, const runtime::Endpoint& endpoint,
                                                                Instant deadline);

  // ---- for connections ----
  [[nodiscard]] const NetworkOptions& options() const { return options_; }
  // How many bytes the side may write now.
  [[nodiscard]] std::uint64_t room(const Stream& stream, std::size_t side) const;
  // The side has put `count` bytes into its pipe: sends them on their way, behind what was corked.
  void sent(Stream& stream, std::size_t side, std::uint64_t count);
  // The side has taken `count` bytes out of the other's pipe.
  void consumed(Stream& stream, std::size_t side, std::uint64_t count);
  void shut_writing(Stream& stream, std::size_t side);
  // The side's handle goes away: finishes its direction, or resets if it left bytes unread.
  void close_side(Stream& stream, std::size_t side);

  // ---- for nodes ----
  // The process is gone: its connections are reset (its machine is up) or fall silent, its listeners vanish.
  void process_gone(NodeWorld& world, bool silently);
  // The machine answers again.
  void powered_on(Node& node);
  void on_arrival(const Event& event);
  void on_give_up(const Event& event);
  void forget(ListenerState& listener);

 private:
  friend class SimListener;
  void set_partition(Link& link, PartitionKind kind, FaultId fault);
  void set_clogged(Link& link, bool clogged, FaultId fault);
  struct Flapping {
    Duration down{};
    Duration up{};
    Instant until;
    Ways ways = Ways::both;
    FaultId fault = 0;
    std::uint64_t serial = 0;
  };
  void flap_step(Node& from, Node& to, const Flapping& flapping, bool down);
  template <class Change>
  void for_links(Node& from, Node& to, Ways ways, Change change);
  void reset_streams_on(const Link& link, FaultId fault);
  // Held bytes go on: at once, or with the sender's next retransmission.
  void unblock(Link& link, bool at_once = false);
  void release_held(Stream& stream, std::size_t direction, bool at_once);
  runtime::Result<std::unique_ptr<runtime::Connection>> knock(NodeWorld& world, Node& server, std::uint16_t port,
                                                              Instant limit);

  [[nodiscard]] Node* resolve(const NodeWorld& world, const runtime::Endpoint& endpoint) const;
  [[nodiscard]] ListenerState* listener_at(const Node& node, std::uint16_t port) const;
  Stream& open_stream(NodeWorld& client, Node& server, ListenerState& listener);
  void release(Stream& stream);
  [[nodiscard]] Stream* find(const Event& event) const;

  void arm(Stream& stream, std::size_t direction, Instant at);
  void arm_next(Stream& stream, std::size_t direction);
  void schedule_end(Stream& stream, std::size_t side, PipeEnd end);
  void hold(Stream& stream, std::size_t direction);
  void deliver(Stream& stream, std::size_t direction);
  void deliver_end(Stream& stream, std::size_t direction);
  // Both sides fail at once, as when a middlebox resets the connection.
  void reset_both(Stream& stream);
  void reset_side(Stream& stream, std::size_t side);
  void acknowledge(Stream& stream, std::size_t direction);
  [[nodiscard]] Duration retransmission_delay(Link& link);
  [[nodiscard]] Duration until_retransmission(Duration held_for) const;

  Simulation& simulation_;
  NetworkOptions options_;
  std::vector<std::vector<std::unique_ptr<Link>>> links_;  // by from, to
  std::vector<std::unique_ptr<Stream>> streams_;           // by slot; null: free
  std::vector<std::uint32_t> free_streams_;
  std::vector<std::unique_ptr<ListenerState>> listeners_;
  std::uint64_t next_serial_ = 1;
  std::uint16_t next_port_ = 32'768;
  std::uint64_t bytes_delivered_ = 0;
};

}  // namespace squall::sim
