#include "runtime/io.h"

#include <fmt/core.h>

#include <array>
#include <utility>

namespace squall::runtime {

std::string_view to_string(IoError error) {
  switch (error) {
    case IoError::not_found: return "no such file or directory";
    case IoError::already_exists: return "already exists";
    case IoError::access_denied: return "permission denied";
    case IoError::read_only: return "read-only file system";
    case IoError::no_space: return "no space left on device";
    case IoError::not_empty: return "directory not empty";
    case IoError::not_a_directory: return "not a directory";
    case IoError::is_a_directory: return "is a directory";
    case IoError::locked: return "locked by another process";
    case IoError::io_failure: return "input/output error";
    case IoError::too_many_open: return "too many open files";
    case IoError::invalid_argument: return "invalid argument";
    case IoError::closed: return "closed";
    case IoError::connection_refused: return "connection refused";
    case IoError::connection_reset: return "connection reset";
    case IoError::unreachable: return "host unreachable";
    case IoError::address_in_use: return "address in use";
    case IoError::name_not_resolved: return "name not resolved";
    case IoError::timed_out: return "timed out";
  }
  return "unknown error";
}

std::string to_string(const Endpoint& endpoint) { return fmt::format("{}:{}", endpoint.host, endpoint.port); }

Result<void> read_exactly(Connection& connection, MutableBytes into) {
  while (!into.empty()) {
    const auto count = connection.read(into);
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return std::unexpected{IoError::connection_reset};
    into = into.subspan(*count);
  }
  return {};
}

Result<void> write_all(Connection& connection, std::span<const ByteView> from) {
  while (!from.empty()) {
    const auto taken = connection.writev(from);
    if (!taken) return std::unexpected{taken.error()};
    std::size_t left = *taken;
    while (!from.empty() && left >= from.front().size()) {
      left -= from.front().size();
      from = from.subspan(1);
    }
    if (left > 0) {  // a view was cut in two: finish it alone, then go on with the rest
      if (auto done = write_all(connection, from.front().subspan(left)); !done) return done;
      from = from.subspan(1);
    }
  }
  return {};
}

Result<void> write_all(Connection& connection, ByteView from) {
  while (!from.empty()) {
    const std::array<ByteView, 1> one{from};
    const auto taken = connection.writev(one);
    if (!taken) return std::unexpected{taken.error()};
    from = from.subspan(*taken);
  }
  return {};
}

Result<void> send_file_all(Connection& connection, File& file, std::uint64_t at, std::uint64_t length) {
  while (length > 0) {
    const auto taken = connection.send_file(file, at, length);
    if (!taken) return std::unexpected{taken.error()};
    if (*taken == 0) return std::unexpected{IoError::io_failure};  // the file is shorter than its index says
    at += *taken;
    length -= *taken;
  }
  return {};
}

Result<std::size_t> pread_full(File& file, MutableBytes into, std::uint64_t at) {
  std::size_t total = 0;
  while (total < into.size()) {
    const auto count = file.pread(into.subspan(total), at + total);
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) break;
    total += *count;
  }
  return total;
}

Result<void> pwrite_all(File& file, ByteView from, std::uint64_t at) {
  while (!from.empty()) {
    const std::array<ByteView, 1> one{from};
    const auto count = file.pwritev(one, at);
    if (!count) return std::unexpected{count.error()};
    from = from.subspan(*count);
    at += *count;
  }
  return {};
}

}  // namespace squall::runtime
