// The names of one disk, as calls see them and as a power cut would leave them.
//
// As with bytes, only the visible tree is kept, with the changes that no `sync_dir` has made durable. Each change is a set of
// assignments of a name to a file (or to nothing); a rename is one change, so it happens whole or not at all. After a power cut
// each unsynced change survives or not, independently of the others.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "runtime/io.h"
#include "sim/file_image.h"

namespace squall::sim {

struct Inode;
using InodeRef = std::shared_ptr<Inode>;

struct Inode {
  Inode(PageCache& cache, std::uint64_t number, bool directory) : id{number}, is_directory{directory}, image{cache} {}
  std::uint64_t id;
  bool is_directory;
  bool listed_dirty = false;                             // in the disk's list of files to write back
  std::map<std::string, InodeRef, std::less<>> entries;  // of a directory
  FileImage image;                                       // of a file
};

class NameTree {
 public:
  explicit NameTree(PageCache& cache);
  ~NameTree();

  // Null when there is none. Paths are absolute.
  [[nodiscard]] InodeRef find(std::string_view path) const;
  runtime::Result<InodeRef> create_file(std::string_view path);  // found if it exists already
  runtime::Result<void> create_dir(std::string_view path);
  runtime::Result<void> rename(std::string_view from, std::string_view to);
  runtime::Result<void> remove(std::string_view path);
  // Makes the names of this directory durable.
  runtime::Result<void> sync(std::string_view path);
  // commit(mark()) makes every name durable that is one by now.
  [[nodiscard]] std::uint64_t mark() const { return next_change_; }
  void commit(std::uint64_t mark);
  // Creates the directories on the way to `path` and itself, durably: what an installer has done.
  void make_durable_path(std::string_view path);

  // The unsynced names meet their fates; afterwards the files that are reachable by name are the disk's.
  Fates power_cut(Random& random, const PowerCut& weights);
  void wipe();
  // Every file, in the order of names.
  void for_each_file(const std::function<void(const std::string& path, Inode&)>& visit) const;
  [[nodiscard]] std::size_t unsynced_changes() const { return changes_.size(); }

 private:
  struct Assignment {
    InodeRef directory;
    std::string name;
    InodeRef before;
    InodeRef after;
  };
  struct Change {
    std::uint64_t serial = 0;
    bool durable = false;
    std::vector<Assignment> assignments;
  };
  struct Place {
    InodeRef directory;
    std::string name;
  };
  runtime::Result<Place> place_of(std::string_view path) const;
  static InodeRef entry(const Inode& directory, std::string_view name);
  static void assign(Inode& directory, const std::string& name, const InodeRef& inode);
  void change(std::vector<Assignment> assignments);
  void drop_durable();
  static void drop_names(Inode& under, const InodeRef& inode);

  PageCache& cache_;
  std::uint64_t next_id_ = 1;
  std::uint64_t next_change_ = 0;
  InodeRef root_;
  std::vector<Change> changes_;  // in order
};

}  // namespace squall::sim
