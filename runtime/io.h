// The disk and the network as a node sees them: files, listeners and connections.
//
// Every call that may wait suspends the calling fiber only. Every call may fail with an IoError; none throws, except that a
// fiber which is cancelled while it waits leaves by FiberCancelled. Destroying a handle closes it and never waits.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace squall::runtime {

enum class IoError : std::uint8_t {
  not_found = 1,
  already_exists,
  access_denied,
  read_only,
  no_space,
  not_empty,
  not_a_directory,
  is_a_directory,
  locked,      // another process holds the lock
  io_failure,  // EIO: the device failed this request
  too_many_open,
  invalid_argument,
  closed,  // this side has closed the handle
  connection_refused,
  connection_reset,
  unreachable,
  address_in_use,
  name_not_resolved,
  timed_out,  // the handle's deadline has passed
};

[[nodiscard]] std::string_view to_string(IoError error);

template <class T>
using Result = std::expected<T, IoError>;

// ---- disk ----

enum class OpenMode : std::uint8_t {
  read,        // must exist
  read_write,  // must exist
  create,      // read_write; made empty if it does not exist
  create_new,  // read_write; already_exists if it does
};

// An open file. Reads and writes of one file may overlap; overlapping writes to one range have no defined order.
// The virtual world may inject: short counts, EIO, ENOSPC, stalls, bit rot, torn, misdirected and phantom writes.
class File {
 public:
  virtual ~File() = default;
  // Bytes read, possibly fewer than asked; 0 only at or past the end.
  virtual Result<std::size_t> pread(MutableBytes into, std::uint64_t at) = 0;
  // Bytes written, possibly fewer than given, at least 1. Visible to reads at once; NOT durable before `sync`, and until then
  // each write may survive a power cut whole, in part, or not at all, independently of the others.
  virtual Result<std::size_t> pwritev(std::span<const ByteView> from, std::uint64_t at) = 0;
  // When it returns, every write that had returned before the call is durable, and so is the size. After a failed sync, what
  // was not yet durable may be lost even though reads still show it: treat the file's directory as failed (fsyncgate).
  virtual Result<void> sync() = 0;
  // Not durable before `sync`.
  virtual Result<void> truncate(std::uint64_t size) = 0;
  // Reserves room without changing what reads return below the current size. A hint: it may do nothing.
  virtual Result<void> preallocate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() = 0;
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};

struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t usable_bytes = 0;
};

// Holds an advisory lock until destroyed; a crash releases it.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// ---- network ----

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

[[nodiscard]] std::string to_string(const Endpoint& endpoint);

enum class ShutdownSide : std::uint8_t { read, write, both };

// Whether the caller writes more at once: then the bytes may leave together with those of its next write.
enum class More : std::uint8_t { no, yes };

// A byte stream. One fiber may read while another writes; two fibers must not do the same at once.
// The virtual world may inject: latency, short counts, stalls, resets, half-open and half-closed peers.
class Connection {
 public:
  virtual ~Connection() = default;
  // Bytes read, possibly fewer than asked; 0 when the peer has shut its writing side down.
  virtual Result<std::size_t> read(MutableBytes into) = 0;
  // Bytes taken, possibly fewer than given, at least 1. Taken is not delivered; after More::yes, not even sent before the next
  // writev or send_file, a shutdown, or the close (Linux sends them by itself after 200 ms, tcp(7) TCP_CORK).
  virtual Result<std::size_t> writev(std::span<const ByteView> from, More more = More::no) = 0;
  // Bytes of `file` from `at` taken, possibly fewer than `length`, 0 only when the file ends at or before `at`. The bytes go
  // from the page cache to the socket without passing through the node's memory. A range that is not in the page cache costs
  // disk time. `more` is as above.
  virtual Result<std::size_t> send_file(File& file, std::uint64_t at, std::uint64_t length, More more = More::no) = 0;
  // Reads and writes that have not finished by `deadline`, and later ones, fail with timed_out. end_of_time lifts it.
  virtual void set_deadline(Instant deadline) = 0;
  virtual Result<void> shutdown(ShutdownSide side) = 0;
  // Wakes the fibers that wait on this connection; their calls, and all later ones, fail with `closed`.
  virtual void close() = 0;
  [[nodiscard]] virtual Endpoint peer() const = 0;
};

class Listener {
 public:
  virtual ~Listener() = default;
  // Waits for the next connection. Fails with `closed` once `close` was called.
  virtual Result<std::unique_ptr<Connection>> accept() = 0;
  virtual void close() = 0;
  // Where it listens, with the port that the world chose if 0 was asked for.
  [[nodiscard]] virtual Endpoint local() const = 0;
};

// ---- loops over short counts; the first error ends them ----

[[nodiscard]] Result<void> read_exactly(Connection& connection,
                                        MutableBytes into);  // connection_reset if the stream ends early
[[nodiscard]] Result<void> write_all(Connection& connection, std::span<const ByteView> from);
[[nodiscard]] Result<void> write_all(Connection& connection, ByteView from);
[[nodiscard]] Result<void> send_file_all(Connection& connection, File& file, std::uint64_t at, std::uint64_t length);
[[nodiscard]] Result<std::size_t> pread_full(File& file, MutableBytes into,
                                             std::uint64_t at);  // short only at the end of the file
[[nodiscard]] Result<void> pwrite_all(File& file, ByteView from, std::uint64_t at);

}  // namespace squall::runtime
