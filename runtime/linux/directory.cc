#include "runtime/linux/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "runtime/linux/errors.h"
#include "runtime/linux/unique_fd.h"

namespace squall::runtime {
namespace {

class LinuxFileLock final : public FileLock {
 public:
  explicit LinuxFileLock(UniqueFd fd) : fd_{std::move(fd)} {}

 private:
  UniqueFd fd_;
};

Result<void> checked(int result) {
  if (result != 0) return last_error();
  return {};
}

bool is_directory(int directory, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN && entry.d_type != DT_LNK) return entry.d_type == DT_DIR;
  struct stat status{};
  return fstatat(directory, entry.d_name, &status, 0) == 0 && S_ISDIR(status.st_mode);
}

Result<std::vector<DirectoryEntry>> read_directory(const std::string& path) {
  struct Close {
    void operator()(DIR* directory) const { closedir(directory); }
  };
  const std::unique_ptr<DIR, Close> directory{opendir(path.c_str())};
  if (directory == nullptr) return last_error();
  std::vector<DirectoryEntry> entries;
  errno = 0;
  while (const dirent* entry = readdir(directory.get())) {
    std::string name{entry->d_name};
    if (name == "." || name == "..") continue;
    const bool is_dir = is_directory(dirfd(directory.get()), *entry);
    entries.push_back(DirectoryEntry{.name = std::move(name), .is_directory = is_dir});
    errno = 0;
  }
  if (errno != 0) return last_error();
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Result<UniqueFd> take_lock(const std::string& path) {
  UniqueFd fd{uninterrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644); })};
  if (!fd) return last_error();
  struct flock range{};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;  // and zero length: the whole file, however long
  if (fcntl(fd.get(), F_OFD_SETLK, &range) == 0) return fd;
  if (errno == EAGAIN || errno == EACCES) return std::unexpected{IoError::locked};
  return last_error();
}

}  // namespace

Result<void> create_directory(Core& core, const std::string& path) {
  return core.offload.run([&] { return checked(::mkdir(path.c_str(), 0755)); });
}

Result<void> rename_path(Core& core, const std::string& from, const std::string& to) {
  return core.offload.run([&] { return checked(std::rename(from.c_str(), to.c_str())); });
}

Result<void> remove_path(Core& core, const std::string& path) {
  return core.offload.run([&]() -> Result<void> {
    if (::unlink(path.c_str()) == 0) return {};
    if (errno != EISDIR && errno != EPERM) return last_error();
    const IoError refused = io_error_of(errno);
    if (::rmdir(path.c_str()) == 0) return {};
    return std::unexpected{errno == ENOTDIR ? refused : io_error_of(errno)};
  });
}

Result<std::vector<DirectoryEntry>> list_directory(Core& core, const std::string& path) {
  return core.offload.run([&] { return read_directory(path); });
}

Result<void> sync_directory(Core& core, const std::string& path) {
  return core.offload.run([&]() -> Result<void> {
    const UniqueFd fd{uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); })};
    if (!fd) return last_error();
    return checked(uninterrupted([&] { return fsync(fd.get()); }));
  });
}

Result<std::unique_ptr<FileLock>> lock_file(Core& core, const std::string& path) {
  auto fd = core.offload.run([&] { return take_lock(path); });
  if (!fd) return std::unexpected{fd.error()};
  return std::make_unique<LinuxFileLock>(std::move(*fd));
}

Result<DiskSpace> disk_space(Core& core, const std::string& path) {
  return core.offload.run([&]() -> Result<DiskSpace> {
    struct statvfs status{};
    if (uninterrupted([&] { return statvfs(path.c_str(), &status); }) != 0) return last_error();
    return DiskSpace{.total_bytes = status.f_blocks * status.f_frsize, .usable_bytes = status.f_bavail * status.f_frsize};
  });
}

}  // namespace squall::runtime
