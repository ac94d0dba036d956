#include "sim/file_image.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace squall::sim {
namespace {

constexpr std::uint64_t chunk_bytes = PageCache::chunk_bytes;

// Calls visit(chunk, offset in it, count, done so far) for each chunk of [at, at + length).
template <class Visit>
void for_chunks(std::uint64_t at, std::uint64_t length, Visit visit) {
  for (std::uint64_t done = 0; done < length;) {
    const std::uint64_t inside = (at + done) % chunk_bytes;
    const std::uint64_t count = std::min(length - done, chunk_bytes - inside);
    visit((at + done) / chunk_bytes, inside, count, done);
    done += count;
  }
}

}  // namespace

// ---- bytes ----

void FileImage::read(MutableBytes into, std::uint64_t at) const {
  for_chunks(at, into.size(), [&](std::uint64_t chunk, std::uint64_t inside, std::uint64_t count, std::uint64_t done) {
    const std::uint64_t stored = chunk < chunks_.size() ? chunks_[chunk].size() : 0;
    const std::uint64_t present = stored > inside ? std::min(count, stored - inside) : 0;
    if (present > 0) std::memcpy(into.data() + done, chunks_[chunk].data() + inside, present);
    if (present < count) std::memset(into.data() + done + present, 0, count - present);
  });
}

ByteBuffer FileImage::copy(std::uint64_t at, std::uint64_t length) const {
  ByteBuffer bytes(length);
  read(bytes, at);
  return bytes;
}

void FileImage::put(ByteView bytes, std::uint64_t at) {
  if (bytes.empty()) return;
  const std::uint64_t last = (at + bytes.size() - 1) / chunk_bytes;
  if (last >= chunks_.size()) chunks_.resize(last + 1);
  for_chunks(at, bytes.size(), [&](std::uint64_t chunk, std::uint64_t inside, std::uint64_t count, std::uint64_t done) {
    ByteBuffer& stored = chunks_[chunk];
    const std::uint64_t before = stored.size();
    if (inside + count > stored.capacity()) stored.reserve(std::min(chunk_bytes, std::bit_ceil(inside + count)));
    if (inside == before) {  // an append, the usual case
      stored.insert(stored.end(), bytes.data() + done, bytes.data() + done + count);
    } else {
      if (before < inside + count) stored.resize(inside + count);
      std::memcpy(stored.data() + inside, bytes.data() + done, count);
    }
    allocated_ += stored.size() - before;
  });
  size_ = std::max(size_, at + bytes.size());
}

void FileImage::set_size(std::uint64_t size) {
  if (size < size_) {
    const std::uint64_t chunk = size / chunk_bytes;
    if (chunk < chunks_.size()) {
      const std::uint64_t inside = size % chunk_bytes;
      if (chunks_[chunk].size() > inside) chunks_[chunk].resize(inside);
      chunks_.resize(inside == 0 ? chunk : chunk + 1);
    }
    cache_->forget(*this, (size + chunk_bytes - 1) / chunk_bytes);
    std::erase_if(latent_, [size](const Latent& latent) { return latent.at + latent.bytes.size() > size; });
  }
  size_ = size;
  allocated_ = 0;
  for (const ByteBuffer& stored : chunks_) allocated_ += stored.size();
}

void FileImage::write(ByteView bytes, std::uint64_t at, Instant now) {
  Change change;
  change.at_time = now;
  change.at = at;
  change.length = bytes.size();
  change.size_before = size_;
  if (at < size_) change.before = copy(at, std::min<std::uint64_t>(bytes.size(), size_ - at));
  if (!latent_.empty()) overwritten(at, bytes.size());
  put(bytes, at);
  touch(at, bytes.size());
  change.size_after = size_;
  dirty_bytes_ += bytes.size();
  changes_.push_back(std::move(change));
  ++next_change_;
}

void FileImage::truncate(std::uint64_t size, Instant now) {
  if (size == size_) return;
  Change change;
  change.at_time = now;
  change.is_truncate = true;
  change.at = size;
  change.size_before = size_;
  change.size_after = size;
  if (size < size_) change.before = copy(size, size_ - size);
  set_size(size);
  changes_.push_back(std::move(change));
  ++next_change_;
}

// ---- durability ----

void FileImage::pop_durable() {
  while (!changes_.empty() && changes_.front().durable) {
    changes_.pop_front();
    ++first_change_;
  }
  if (changes_.empty()) changes_ = {};  // most files are written once, and there may be a million of them
}

void FileImage::commit(std::uint64_t mark) {
  for (std::uint64_t i = first_change_; i < mark; ++i) {
    Change& change = changes_[i - first_change_];
    if (change.durable || change.lost) continue;
    change.durable = true;
    dirty_bytes_ -= change.length;
  }
  pop_durable();
}

// The pages count as clean from now on: once they have left memory, reads show what the platter holds. The newest change first,
// so that the bytes which the oldest replaced come to light.
void FileImage::lose(std::uint64_t mark) {
  for (std::uint64_t i = mark; i > first_change_; --i) {
    Change& change = changes_[i - 1 - first_change_];
    if (change.durable || change.lost) continue;
    change.lost = true;
    dirty_bytes_ -= change.length;
    if (!change.is_truncate) plant_old_bytes_of(change);
  }
}

std::uint64_t FileImage::dirty_bytes_before(std::uint64_t mark) const {
  if (mark == next_change_) return dirty_bytes_;
  std::uint64_t bytes = 0;
  for (std::uint64_t i = first_change_; i < mark; ++i) {
    const Change& change = changes_[i - first_change_];
    if (!change.durable && !change.lost) bytes += change.length;
  }
  return bytes;
}

std::uint64_t FileImage::mark_before(Instant before) const {
  std::uint64_t mark = first_change_;
  for (const Change& change : changes_) {
    if (change.at_time > before) break;
    ++mark;
  }
  return mark;
}

void FileImage::undo(Change& change) {
  if (change.is_truncate) {
    set_size(change.size_before);
    put(change.before, change.at);
    return;
  }
  change.after = copy(change.at, change.length);
  if (change.size_before < size_) set_size(change.size_before);
  put(change.before, change.at);
}

void FileImage::redo(const Change& change) {
  if (change.is_truncate) {
    set_size(change.size_after);
    return;
  }
  put(change.after, change.at);
}

// Some sectors reach the platter, some do not; with more than one, at least one of each.
void FileImage::tear(const Change& change, Random& random) {
  const std::uint64_t first = change.at / sector_bytes;
  const std::uint64_t last = (change.at + change.length - 1) / sector_bytes;
  const std::uint64_t count = last - first + 1;
  const std::uint64_t sure_kept = random.below(count);
  const std::uint64_t sure_lost = count == 1 ? count : (sure_kept + 1 + random.below(count - 1)) % count;
  for (std::uint64_t i = 0; i < count; ++i) {
    const bool drawn = random.chance(1, 2);
    if (i == sure_lost || (!drawn && i != sure_kept)) continue;
    const std::uint64_t from = std::max(change.at, (first + i) * sector_bytes);
    const std::uint64_t to = std::min(change.at + change.length, (first + i + 1) * sector_bytes);
    put(ByteView{change.after}.subspan(from - change.at, to - from), from);
  }
}

Fates FileImage::power_cut(Random& random, const PowerCut& weights) {
  surface(0, UINT64_MAX);
  for (std::size_t i = changes_.size(); i > 0; --i) undo(changes_[i - 1]);
  Fates fates;
  for (const Change& change : changes_) {
    if (change.durable) {
      redo(change);
      continue;
    }
    if (change.lost) {
      ++fates.dropped;
      continue;
    }
    const std::uint32_t tear_weight = change.is_truncate || change.length == 0 ? 0 : weights.tear;
    const std::uint64_t total = std::uint64_t{weights.keep} + weights.drop + tear_weight;
    const std::uint64_t drawn = total == 0 ? 0 : random.below(total);
    if (drawn < weights.keep) {
      redo(change);
      ++fates.kept;
    } else if (drawn < std::uint64_t{weights.keep} + weights.drop || tear_weight == 0) {
      ++fates.dropped;
    } else {
      tear(change, random);
      ++fates.torn;
    }
  }
  changes_.clear();
  first_change_ = next_change_;
  dirty_bytes_ = 0;
  return fates;
}

// ---- residency ----

std::uint64_t FileImage::missing(std::uint64_t at, std::uint64_t length) const {
  std::uint64_t bytes = 0;
  for_chunks(at, length, [&](std::uint64_t chunk, std::uint64_t, std::uint64_t, std::uint64_t) {
    if (residency(chunk) == 0) bytes += chunk_bytes;
  });
  return bytes;
}

void FileImage::touch(std::uint64_t at, std::uint64_t length) {
  for_chunks(at, length,
             [&](std::uint64_t chunk, std::uint64_t, std::uint64_t, std::uint64_t) { cache_->touch(*this, chunk); });
}

void FileImage::evicted(std::uint64_t chunk) {
  if (!latent_.empty()) surface(chunk * chunk_bytes, (chunk + 1) * chunk_bytes);
}

// ---- latent faults ----

void FileImage::plant(ByteBuffer bytes, std::uint64_t at) {
  if (at >= size_) return;
  if (bytes.size() > size_ - at) bytes.resize(size_ - at);
  const std::uint64_t length = bytes.size();
  latent_.push_back({.at = at, .bytes = std::move(bytes)});
  for_chunks(at, length, [&](std::uint64_t chunk, std::uint64_t, std::uint64_t, std::uint64_t) {
    if (residency(chunk) == 0) evicted(chunk);
  });
}

void FileImage::plant_old_bytes_of_last_change() {
  if (!changes_.empty()) plant_old_bytes_of(changes_.back());
}

void FileImage::plant_old_bytes_of(const Change& change) {
  ByteBuffer old = change.before;
  old.resize(change.length);  // beyond the old end the platter holds zeros
  plant(std::move(old), change.at);
}

// A new write reaches the platter: what was wrong there is right again.
void FileImage::overwritten(std::uint64_t at, std::uint64_t length) {
  std::vector<Latent> kept;
  for (Latent& latent : latent_) {
    const std::uint64_t end = latent.at + latent.bytes.size();
    if (end <= at || latent.at >= at + length) {
      kept.push_back(std::move(latent));
      continue;
    }
    const ByteView bytes{latent.bytes};
    if (latent.at < at) {
      const ByteView head = bytes.first(at - latent.at);
      kept.push_back({.at = latent.at, .bytes = {head.begin(), head.end()}});
    }
    if (end > at + length) {
      const ByteView tail = bytes.last(end - at - length);
      kept.push_back({.at = at + length, .bytes = {tail.begin(), tail.end()}});
    }
  }
  latent_ = std::move(kept);
}

void FileImage::surface(std::uint64_t from, std::uint64_t to) {
  std::vector<Latent> kept;
  for (Latent& latent : latent_) {
    const std::uint64_t end = latent.at + latent.bytes.size();
    if (end <= from || latent.at >= to) {
      kept.push_back(std::move(latent));
    } else {
      put(latent.bytes, latent.at);
    }
  }
  latent_ = std::move(kept);
}

}  // namespace squall::sim
