// A connection as the network sees it: two pipes of bytes, one each way, between two sides.
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "base/bytes.h"
#include "base/time.h"
#include "runtime/io.h"
#include "sim/link.h"
#include "sim/scheduler.h"

namespace squall::sim {

class Node;
class NodeWorld;
class SimConnection;

// Bytes first in, first out; grows as needed.
class ByteRing {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  void push(ByteView bytes);
  // Copies the first bytes out and drops them; into.size() <= size().
  void pop(MutableBytes into);
  void clear() { head_ = size_ = 0; }

 private:
  void grow(std::size_t least);
  ByteBuffer bytes_;  // a power of two
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

enum class PipeEnd : std::uint8_t { open, finished, reset };

// One direction. Stream positions count bytes from 0.
// Invariant: acked <= read <= delivered <= written.
struct Pipe {
  struct Segment {
    std::uint64_t end = 0;  // one past its last byte
    Instant arrival;
  };
  ByteRing bytes;                // from `read` to `written` + `corked`
  std::deque<Segment> segments;  // under way, in order
  std::uint64_t written = 0;
  std::uint64_t corked = 0;  // behind `written`, and kept until more is
  std::uint64_t delivered = 0;
  std::uint64_t read = 0;
  std::uint64_t acked = 0;   // what the writer knows to have been read
  std::uint64_t staged = 0;  // through the link, waiting for its turn in the receiver's NIC
  Instant staged_until;
  Instant leaves_at;               // what was written is ready to leave then
  Instant last_arrival;            // keeps the order
  Instant armed_at = end_of_time;  // of the arrival event that counts
  PipeEnd end = PipeEnd::open;     // as sent
  PipeEnd seen = PipeEnd::open;    // as delivered
  Instant end_arrival;
  bool held = false;  // blocked on the way since `held_since`
  Instant held_since;
  Waiter reader;
  Waiter writer;
  Link* link = nullptr;

  [[nodiscard]] std::uint64_t unread() const { return delivered - read; }
  [[nodiscard]] bool under_way() const { return !segments.empty() || staged > delivered || end != seen; }
};

struct StreamSide {
  Node* node = nullptr;
  NodeWorld* world = nullptr;
  SimConnection* handle = nullptr;  // null: not accepted yet, closed, or gone
  bool gone = false;                // closed or crashed: bytes that arrive are answered by a reset
  bool read_shut = false;
  bool write_shut = false;
  bool reset = false;  // reads (after what was delivered) and writes fail
  Instant deadline = end_of_time;
  runtime::Endpoint local;
};

// Pipe i carries bytes from side i to side 1 - i. Side 0 connected, side 1 accepted.
struct Stream {
  std::uint64_t serial = 0;
  std::uint32_t slot = 0;
  std::array<Pipe, 2> pipes;
  std::array<StreamSide, 2> sides;
};

}  // namespace squall::sim
