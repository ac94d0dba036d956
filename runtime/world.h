// The seam: what a node may know of the machine under it.
//
// A node — a broker, a controller, a client — is given one World and reaches the outside through nothing else. The real world
// is `runtime/linux/`, the virtual one is `sim/`; everything above is compiled once and cannot tell them apart.
//
// Threads: a World and all that came from it belong to one thread. Waiting: "may wait" means that the calling fiber is
// suspended and others run; all other calls return at once. Death: when a virtual node crashes, its fibers are unwound by
// FiberCancelled, the youngest first (so that what a fiber lent to those it started outlives them), and every call of its
// World does nothing and fails; so a destructor may call the World, but must not park.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "runtime/events.h"
#include "runtime/fiber.h"
#include "runtime/io.h"
#include "runtime/metrics.h"

namespace squall::runtime {

// What processor time is charged for, per unit. A hardware profile of the virtual world gives each its price.
enum class Cost : std::uint8_t {
  request,    // decoding, dispatching and answering one request
  partition,  // work per partition in a request
  record,     // work per record (validation, iteration)
  copied_byte,
  checksummed_byte,
  compressed_byte,
  decompressed_byte,
  connection,  // accepting or opening one
};
inline constexpr std::size_t cost_count = 8;

class World {
 public:
  virtual ~World() = default;

  // ---- clock ----
  // Never goes back. A paused node finds it far ahead afterwards.
  [[nodiscard]] virtual Instant now() const = 0;
  // May jump, both ways. For record timestamps, never for timeouts.
  [[nodiscard]] virtual WallTime wall_now() const = 0;
  // May wait. Wakes at `until` or later, never earlier.
  virtual void sleep_until(Instant until) = 0;

  // ---- random ----
  // The node's stream for the consumer `name`: equal names give equal streams. Ask once, keep the stream.
  [[nodiscard]] virtual Random fork_random(std::string_view name) = 0;

  // ---- fibers ----
  // Runs `function` in a new fiber, some time after this call, in no promised order. `name` must be a literal.
  virtual FiberId spawn(std::string_view name, FiberFunction function) = 0;
  [[nodiscard]] virtual FiberId current_fiber() const = 0;
  // May wait: lets other fibers run.
  virtual void yield() = 0;
  // Waits until unparked. An unpark that came since the last park counts: then it returns at once. Wake-ups may be spurious:
  // callers loop on their condition. Throws FiberCancelled if the fiber has been cancelled.
  virtual void park() = 0;
  // The same, or until `deadline`.
  virtual Wake park_until(Instant deadline) = 0;
  // Wakes `fiber`, or lets its next park return at once. A stale id does nothing.
  virtual void unpark(FiberId fiber) = 0;
  // Once, at its current or next wait, `fiber` leaves by FiberCancelled; if it has not begun to run, it never does. A stale id
  // does nothing. A fiber that has caught its cancellation may cancel itself to have it thrown again at its next wait.
  virtual void cancel(FiberId fiber) = 0;

  // ---- disk ---- (paths are absolute; '/' separates; all may wait)
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  // Names made, moved or removed are not durable before `sync_dir` of their directory; until then each may survive a power cut
  // or not, independently of the others.
  virtual Result<void> create_dir(const std::string& path) = 0;  // already_exists if it does; the parent must exist
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;  // replaces a file, atomically
  virtual Result<void> remove(const std::string& path) = 0;                         // a file, or an empty directory
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& path) = 0;    // sorted by name
  virtual Result<void> sync_dir(const std::string& path) = 0;
  // `locked` while another process holds it.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  virtual Result<DiskSpace> space(const std::string& path) = 0;

  // ---- network ---- (may wait)
  virtual Result<std::unique_ptr<Listener>> listen(const Endpoint& endpoint) = 0;
  virtual Result<std::unique_ptr<Connection>> connect(const Endpoint& endpoint, Instant deadline) = 0;

  // ---- events and metrics ----
  virtual void emit(EventName name, EventFields fields) = 0;
  virtual Metrics& metrics() = 0;

  // ---- cpu ----
  // A no-op in production. In the virtual world it occupies one of the node's virtual cores for the profile's price of
  // `count` units, so it may wait there: hold no invariant open across it that another fiber of the node may see.
  virtual void charge(Cost cost, std::uint64_t count) = 0;
};

}  // namespace squall::runtime
