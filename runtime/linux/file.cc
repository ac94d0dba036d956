#include "runtime/linux/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "runtime/linux/errors.h"
#include "runtime/linux/iovecs.h"

namespace squall::runtime {
namespace {

constexpr std::size_t read_bytes_max =
    std::size_t{1024} * 1024;  // one call: reads may be short, and the reactor must stay responsive
constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t readahead_bytes = std::uint64_t{128} * 1024;

// cachestat(2), Linux 6.5: how much of a range the page cache holds. Newer than the C library.
constexpr long cachestat_number = 451;
struct CacheRange {
  std::uint64_t offset;
  std::uint64_t length;
};
struct CacheState {
  std::uint64_t cached_pages;
  std::uint64_t others[4];
};

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::read: return O_RDONLY | O_CLOEXEC;
    case OpenMode::read_write: return O_RDWR | O_CLOEXEC;
    case OpenMode::create: return O_RDWR | O_CREAT | O_CLOEXEC;
    case OpenMode::create_new: return O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
  }
  return O_RDONLY | O_CLOEXEC;
}

Result<void> checked(int result) {
  if (result != 0) return last_error();
  return {};
}

}  // namespace

Result<std::unique_ptr<File>> open_file(Core& core, const std::string& path, OpenMode mode) {
  auto fd = core.offload.run([&]() -> Result<UniqueFd> {
    UniqueFd opened{uninterrupted([&] { return ::open(path.c_str(), open_flags(mode), 0644); })};
    if (!opened) return last_error();
    struct stat status{};  // a directory opens for reading, but is no file
    if (fstat(opened.get(), &status) == 0 && S_ISDIR(status.st_mode)) return std::unexpected{IoError::is_a_directory};
    return opened;
  });
  if (!fd) return std::unexpected{fd.error()};
  return std::make_unique<LinuxFile>(core, std::move(*fd));
}

LinuxFile::~LinuxFile() {
  // The last close of a removed file frees its blocks, which takes the disk's time.
  core_.offload.post([fd = std::move(fd_)] {});
}

Result<std::size_t> LinuxFile::pread(MutableBytes into, std::uint64_t at) {
  if (into.empty()) return std::size_t{0};
  core_.breathe();
  into = into.first(std::min(into.size(), read_bytes_max));
  const iovec vector{.iov_base = into.data(), .iov_len = into.size()};
  const auto offset = static_cast<off_t>(at);
  ssize_t count = uninterrupted([&] { return preadv2(fd_.get(), &vector, 1, offset, RWF_NOWAIT); });
  if (count >= 0) return static_cast<std::size_t>(count);
  if (errno != EAGAIN && errno != EOPNOTSUPP && errno != ENOSYS) return last_error();
  return core_.offload.run([&]() -> Result<std::size_t> {
    count = uninterrupted([&] { return ::pread(fd_.get(), into.data(), into.size(), offset); });
    if (count < 0) return last_error();
    return static_cast<std::size_t>(count);
  });
}

Result<std::size_t> LinuxFile::pwritev(std::span<const ByteView> from, std::uint64_t at) {
  Iovecs vectors{from};
  if (vectors.bytes() == 0) return std::size_t{0};
  core_.breathe();
  const ssize_t count = uninterrupted(
      [&] { return ::pwritev(fd_.get(), vectors.data(), static_cast<int>(vectors.count()), static_cast<off_t>(at)); });
  if (count < 0) return last_error();
  if (count == 0) return std::unexpected{IoError::no_space};
  return static_cast<std::size_t>(count);
}

Result<void> LinuxFile::sync() {
  return core_.offload.run([this] { return checked(uninterrupted([this] { return fdatasync(fd_.get()); })); });
}

Result<void> LinuxFile::truncate(std::uint64_t size) {
  return core_.offload.run(
      [&] { return checked(uninterrupted([&] { return ftruncate(fd_.get(), static_cast<off_t>(size)); })); });
}

Result<void> LinuxFile::preallocate(std::uint64_t size) {
  return core_.offload.run([&]() -> Result<void> {
    const int result = uninterrupted([&] { return fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)); });
    if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return {};
    return last_error();
  });
}

Result<std::uint64_t> LinuxFile::size() {
  struct stat status{};
  if (fstat(fd_.get(), &status) != 0) return last_error();
  return static_cast<std::uint64_t>(status.st_size);
}

bool LinuxFile::byte_cached(std::uint64_t at) const {
  char byte = 0;
  const iovec vector{.iov_base = &byte, .iov_len = 1};
  return uninterrupted([&] { return preadv2(fd_.get(), &vector, 1, static_cast<off_t>(at), RWF_NOWAIT); }) >= 0;
}

// A page whose read is still under way counts as cached for cachestat, but a read of it would wait: reading ahead fills in
// order, so the last byte tells.
bool LinuxFile::cached(std::uint64_t at, std::uint64_t length) const {
  const std::uint64_t end = at + length;
  if (!byte_cached(end - 1)) return false;
  if (length == 1) return true;
  CacheRange range{.offset = at, .length = length};
  CacheState state{};
  if (cachestat_sees_ && syscall(cachestat_number, fd_.get(), &range, &state, 0) == 0)
    return state.cached_pages >= (end - 1) / page_bytes - at / page_bytes + 1;
  return probes_cached(at, end);
}

// Samples one byte in each stretch that is read ahead in one go.
bool LinuxFile::probes_cached(std::uint64_t at, std::uint64_t end) const {
  for (std::uint64_t probe = at; probe < end; probe += readahead_bytes) {
    if (!byte_cached(probe)) return false;
  }
  return true;
}

Result<void> LinuxFile::warm(std::uint64_t at, std::uint64_t length) {
  if (length == 0 || cached(at, length)) return {};
  core_.metrics.counter("squall_disk_cold_reads_total").add();
  const auto warmed = core_.offload.run([&]() -> Result<void> {
    (void)readahead(fd_.get(), static_cast<off_t>(at), length);
    std::vector<char> buffer(std::min(length, readahead_bytes));
    for (std::uint64_t done = 0; done < length;) {  // reading is what waits until the pages have arrived
      const auto offset = static_cast<off_t>(at + done);
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), length - done));
      const ssize_t count = uninterrupted([&] { return ::pread(fd_.get(), buffer.data(), wanted, offset); });
      if (count < 0) return last_error();
      if (count == 0) break;
      done += static_cast<std::uint64_t>(count);
    }
    return {};
  });
  if (warmed && !cached(at, length) && probes_cached(at, at + length)) cachestat_sees_ = false;
  return warmed;
}

}  // namespace squall::runtime
