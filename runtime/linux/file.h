// Buffered files. Reads are tried without blocking first and go to a helper thread only when the page cache has not got the
// bytes; writes land in the page cache, on the reactor; everything else that may wait for the disk is a helper's work.
#pragma once

#include <memory>
#include <string>

#include "runtime/io.h"
#include "runtime/linux/core.h"
#include "runtime/linux/unique_fd.h"

namespace squall::runtime {

class LinuxFile final : public File {
 public:
  LinuxFile(Core& core, UniqueFd fd) : core_{core}, fd_{std::move(fd)} {}
  ~LinuxFile() override;

  Result<std::size_t> pread(MutableBytes into, std::uint64_t at) override;
  Result<std::size_t> pwritev(std::span<const ByteView> from, std::uint64_t at) override;
  Result<void> sync() override;
  Result<void> truncate(std::uint64_t size) override;
  Result<void> preallocate(std::uint64_t size) override;
  Result<std::uint64_t> size() override;

  [[nodiscard]] int fd() const { return fd_.get(); }
  // May wait: brings [at, at + length) into the page cache if it is not there.
  Result<void> warm(std::uint64_t at, std::uint64_t length);

 private:
  [[nodiscard]] bool cached(std::uint64_t at, std::uint64_t length) const;
  [[nodiscard]] bool probes_cached(std::uint64_t at, std::uint64_t end) const;
  [[nodiscard]] bool byte_cached(std::uint64_t at) const;

  Core& core_;
  UniqueFd fd_;
  bool cachestat_sees_ = true;  // a stacked file system keeps its pages where cachestat does not look
};

Result<std::unique_ptr<File>> open_file(Core& core, const std::string& path, OpenMode mode);

}  // namespace squall::runtime
