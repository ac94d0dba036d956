#include "sim/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace squall::sim {

using runtime::IoError;
using runtime::Result;

namespace {

// The next component of `path` and what follows it; both may be empty.
std::pair<std::string_view, std::string_view> split_first(std::string_view path) {
  const std::size_t start = std::min(path.find_first_not_of('/'), path.size());
  path.remove_prefix(start);
  const std::size_t end = std::min(path.find('/'), path.size());
  return {path.substr(0, end), path.substr(end)};
}

}  // namespace

NameTree::NameTree(PageCache& cache) : cache_{cache}, root_{std::make_shared<Inode>(cache, 0, true)} {}

NameTree::~NameTree() = default;

InodeRef NameTree::entry(const Inode& directory, std::string_view name) {
  const auto found = directory.entries.find(name);
  return found == directory.entries.end() ? nullptr : found->second;
}

void NameTree::assign(Inode& directory, const std::string& name, const InodeRef& inode) {
  if (inode) {
    directory.entries[name] = inode;
  } else {
    directory.entries.erase(name);
  }
}

InodeRef NameTree::find(std::string_view path) const {
  InodeRef at = root_;
  auto [name, rest] = split_first(path);
  while (at && !name.empty()) {
    if (!at->is_directory) return nullptr;
    at = entry(*at, name);
    std::tie(name, rest) = split_first(rest);
  }
  return at;
}

Result<NameTree::Place> NameTree::place_of(std::string_view path) const {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const std::size_t cut = path.rfind('/');
  if (cut == std::string_view::npos || cut + 1 == path.size()) return std::unexpected{IoError::invalid_argument};
  InodeRef directory = find(path.substr(0, cut));
  if (!directory) return std::unexpected{IoError::not_found};
  if (!directory->is_directory) return std::unexpected{IoError::not_a_directory};
  return Place{.directory = std::move(directory), .name = std::string{path.substr(cut + 1)}};
}

void NameTree::change(std::vector<Assignment> assignments) {
  for (const Assignment& each : assignments) assign(*each.directory, each.name, each.after);
  changes_.push_back({.serial = next_change_++, .assignments = std::move(assignments)});
}

Result<InodeRef> NameTree::create_file(std::string_view path) {
  auto place = place_of(path);
  if (!place) return std::unexpected{place.error()};
  if (InodeRef existing = entry(*place->directory, place->name)) {
    if (existing->is_directory) return std::unexpected{IoError::is_a_directory};
    return existing;
  }
  auto inode = std::make_shared<Inode>(cache_, next_id_++, false);
  change({{.directory = place->directory, .name = place->name, .before = nullptr, .after = inode}});
  return inode;
}

Result<void> NameTree::create_dir(std::string_view path) {
  auto place = place_of(path);
  if (!place) return std::unexpected{find(path) ? IoError::already_exists : place.error()};
  if (entry(*place->directory, place->name)) return std::unexpected{IoError::already_exists};
  auto inode = std::make_shared<Inode>(cache_, next_id_++, true);
  change({{.directory = place->directory, .name = place->name, .before = nullptr, .after = std::move(inode)}});
  return {};
}

Result<void> NameTree::rename(std::string_view from, std::string_view to) {
  auto source = place_of(from);
  if (!source) return std::unexpected{source.error()};
  auto target = place_of(to);
  if (!target) return std::unexpected{target.error()};
  const InodeRef inode = entry(*source->directory, source->name);
  if (!inode) return std::unexpected{IoError::not_found};
  const InodeRef replaced = entry(*target->directory, target->name);
  if (replaced == inode) return {};
  if (replaced && replaced->is_directory) {
    if (!inode->is_directory) return std::unexpected{IoError::is_a_directory};
    if (!replaced->entries.empty()) return std::unexpected{IoError::not_empty};
  }
  if (replaced && !replaced->is_directory && inode->is_directory) return std::unexpected{IoError::not_a_directory};
  if (inode->is_directory && to.starts_with(from) && to.size() > from.size() && to[from.size()] == '/') {
    return std::unexpected{IoError::invalid_argument};
  }
  change({{.directory = source->directory, .name = source->name, .before = inode, .after = nullptr},
          {.directory = target->directory, .name = target->name, .before = replaced, .after = inode}});
  return {};
}

Result<void> NameTree::remove(std::string_view path) {
  auto place = place_of(path);
  if (!place) return std::unexpected{place.error()};
  const InodeRef inode = entry(*place->directory, place->name);
  if (!inode) return std::unexpected{IoError::not_found};
  if (inode->is_directory && !inode->entries.empty()) return std::unexpected{IoError::not_empty};
  change({{.directory = place->directory, .name = place->name, .before = inode, .after = nullptr}});
  return {};
}

// A rename between two directories is one change: durable once either is synced, as on a journalled file system.
Result<void> NameTree::sync(std::string_view path) {
  const InodeRef directory = find(path);
  if (!directory) return std::unexpected{IoError::not_found};
  if (!directory->is_directory) return std::unexpected{IoError::not_a_directory};
  for (Change& each : changes_) {
    each.durable |= std::ranges::any_of(each.assignments, [&](const Assignment& a) { return a.directory == directory; });
  }
  drop_durable();
  return {};
}

void NameTree::commit(std::uint64_t mark) {
  for (Change& each : changes_) each.durable |= each.serial < mark;
  drop_durable();
}

// A durable change behind an unsynced one on the same name must stay, to be done again after that one was undone.
void NameTree::drop_durable() {
  const auto first = std::ranges::find_if(changes_, [](const Change& each) { return !each.durable; });
  changes_.erase(changes_.begin(), first);
  if (std::ranges::none_of(changes_, [](const Change& each) { return !each.durable; })) changes_.clear();
}

void NameTree::make_durable_path(std::string_view path) {
  InodeRef at = root_;
  auto [name, rest] = split_first(path);
  while (!name.empty()) {
    InodeRef next = entry(*at, name);
    if (!next) {
      next = std::make_shared<Inode>(cache_, next_id_++, true);
      at->entries.emplace(name, next);
    }
    at = next;
    std::tie(name, rest) = split_first(rest);
  }
}

Fates NameTree::power_cut(Random& random, const PowerCut& weights) {
  for (std::size_t i = changes_.size(); i > 0; --i) {
    auto& assignments = changes_[i - 1].assignments;
    for (std::size_t j = assignments.size(); j > 0; --j) {
      assign(*assignments[j - 1].directory, assignments[j - 1].name, assignments[j - 1].before);
    }
  }
  Fates fates;
  for (const Change& each : changes_) {
    const std::uint64_t total = std::uint64_t{weights.keep} + weights.drop;
    const bool kept = each.durable || total == 0 || random.below(total) < weights.keep;
    if (!each.durable) ++(kept ? fates.kept : fates.dropped);
    if (!kept) continue;
    for (const Assignment& assignment : each.assignments) {
      if (assignment.after) drop_names(*root_, assignment.after);
      const InodeRef there = entry(*assignment.directory, assignment.name);
      // A name that another change has meanwhile given to another file is not this one's to remove.
      if (!assignment.after && there != assignment.before) continue;
      assign(*assignment.directory, assignment.name, assignment.after);
    }
  }
  changes_.clear();
  return fates;
}

// One name per file: a rename that survives while the one before it was lost must not leave two.
void NameTree::drop_names(Inode& under, const InodeRef& inode) {
  for (auto it = under.entries.begin(); it != under.entries.end();) {
    if (it->second == inode) {
      it = under.entries.erase(it);
    } else {
      if (it->second->is_directory) drop_names(*it->second, inode);
      ++it;
    }
  }
}

void NameTree::wipe() {
  changes_.clear();
  root_->entries.clear();
}

void NameTree::for_each_file(const std::function<void(const std::string&, Inode&)>& visit) const {
  const std::function<void(const std::string&, const Inode&)> walk = [&](const std::string& path, const Inode& directory) {
    for (const auto& [name, inode] : directory.entries) {
      const std::string below = fmt::format("{}/{}", path, name);
      if (inode->is_directory) {
        walk(below, *inode);
      } else {
        visit(below, *inode);
      }
    }
  };
  walk("", *root_);
}

}  // namespace squall::sim
