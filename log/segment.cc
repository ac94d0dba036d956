#include "log/segment.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "log/files.h"

namespace squall::log {

using runtime::OpenMode;
using runtime::Result;

namespace {
constexpr std::size_t recent_kept = 64;
constexpr std::int64_t int32_max = std::numeric_limits<std::int32_t>::max();
}  // namespace

void IndexBuilder::add(const BatchInfo& batch, Offset base, std::int32_t interval_bytes) {
  const std::int64_t relative = batch.last_offset - base;
  if (batch.max_timestamp_ms > max_timestamp_ms) {
    max_timestamp_ms = batch.max_timestamp_ms;
    max_timestamp_offset = relative;
  }
  if (bytes_since_entry > static_cast<std::uint64_t>(interval_bytes)) {
    offsets.append(relative, batch.position, batch.bytes);
    (void)times.maybe_append(max_timestamp_ms, max_timestamp_offset);
    bytes_since_entry = 0;
  }
  bytes_since_entry += batch.bytes;
}

Result<std::shared_ptr<Segment>> Segment::create(runtime::World& world, const std::string& dir, Offset base,
                                                 const LogConfig& config) {
  auto file = world.open(dir + "/" + segment_file_name(base, log_suffix), OpenMode::create);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  if (*size > 0) {
    if (auto emptied = (*file)->truncate(0); !emptied) return std::unexpected(emptied.error());
  }
  if (config.preallocate) (void)(*file)->preallocate(static_cast<std::uint64_t>(config.segment_bytes));
  auto segment = std::make_shared<Segment>(world, dir, base, std::move(*file), 0);
  segment->interval_bytes_ = config.index_interval_bytes;
  segment->loaded_ = true;
  segment->rewrite_ = true;
  segment->first_known_ = true;
  return segment;
}

Result<std::shared_ptr<Segment>> Segment::open(runtime::World& world, const std::string& dir, Offset base) {
  auto file = world.open(dir + "/" + segment_file_name(base, log_suffix), OpenMode::read_write);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  auto segment = std::make_shared<Segment>(world, dir, base, std::move(*file), *size);
  segment->sealed_ = true;
  segment->indexes_durable_ = true;
  return segment;
}

Segment::Segment(runtime::World& world, std::string dir, Offset base, std::shared_ptr<runtime::File> file, std::uint64_t size)
    : world_{world}, dir_{std::move(dir)}, base_{base}, file_{std::move(file)}, size_{size} {}

std::string Segment::path(std::string_view suffix) const { return dir_ + "/" + segment_file_name(base_, suffix); }

bool Segment::fits(Offset offset) const { return offset - base_ >= 0 && offset - base_ <= int32_max; }

bool Segment::index_full(const LogConfig& config) const {
  const auto limit = static_cast<std::size_t>(config.segment_index_bytes);
  return built_.offsets.entries().size() >= limit / OffsetIndex::entry_bytes ||
         built_.times.entries().size() + 1 >= limit / TimeIndex::entry_bytes;
}

Result<void> Segment::write(ByteView bytes) { return runtime::pwrite_all(*file_, bytes, size_); }

void Segment::note(const BatchInfo& batch, std::int32_t interval_bytes) {
  SQUALL_ASSERT(loaded_ && !sealed_, "only an active segment grows");
  SQUALL_ASSERT(batch.position == size_ && batch.base_offset >= base_, "a batch begins where the segment ends");
  SQUALL_ASSERT(fits(batch.last_offset), "a segment spans 2^31 offsets");
  interval_bytes_ = interval_bytes;
  if (size_ == 0) {
    first_timestamp_ms_ = batch.max_timestamp_ms;
    first_known_ = true;
  }
  built_.add(batch, base_, interval_bytes);
  size_ = batch.position + batch.bytes;
  remember(batch);
}

void Segment::note_aborted(const TransactionIndex::Entry& entry) { transactions_.append(entry); }

void Segment::seal() {
  SQUALL_ASSERT(!sealed_, "a segment is sealed once");
  built_.finish();
  sealed_ = true;
  indexes_durable_ = false;
}

template <class Index>
Result<void> Segment::write_index(const Index& index, std::string_view suffix, std::size_t& written, bool sync) {
  if (deleted_) return {};
  auto file = world_.open(path(suffix), OpenMode::create);
  if (!file) return std::unexpected(file.error());
  if (rewrite_) {
    written = 0;
    if (auto emptied = (*file)->truncate(0); !emptied) return emptied;
  }
  ByteBuffer bytes;
  const std::size_t count = index.entries().size();
  index.encode(written, bytes);
  if (!bytes.empty()) {
    if (auto done = runtime::pwrite_all(**file, bytes, written * Index::entry_bytes); !done) return done;
  }
  written = count;
  return sync ? (*file)->sync() : Result<void>{};
}

Result<void> Segment::write_indexes(bool sync) {
  if (!loaded_ || deleted_) return {};
  // Copies: the segment may grow while a write waits.
  const OffsetIndex offsets = built_.offsets;
  const TimeIndex times = built_.times;
  const TransactionIndex transactions = transactions_;
  const bool was_sealed = sealed_;
  const std::uint64_t shape = shape_;
  if (auto done = write_index(offsets, index_suffix, offsets_written_, sync); !done) return done;
  if (auto done = write_index(times, time_index_suffix, times_written_, sync); !done) return done;
  if (!transactions.entries().empty()) {
    if (auto done = write_index(transactions, transaction_index_suffix, transactions_written_, sync); !done) return done;
  } else if (rewrite_) {
    if (auto done = remove_if_exists(world_, path(transaction_index_suffix)); !done) return done;
  }
  if (shape != shape_) return {};  // truncated meanwhile: the files will be written anew
  rewrite_ = false;
  indexes_durable_ = sync && was_sealed;
  return {};
}

void Segment::remember(const BatchInfo& batch) {
  if (recent_.size() < recent_kept) {
    recent_.push_back(batch);
    recent_next_ = recent_.size() % recent_kept;
    return;
  }
  recent_[recent_next_] = batch;
  recent_next_ = (recent_next_ + 1) % recent_kept;
}

std::optional<BatchInfo> Segment::find_recent(Offset offset) const {
  const std::size_t count = recent_.size();
  const std::size_t oldest = count < recent_kept ? 0 : recent_next_;
  const auto at = [&](std::size_t i) -> const BatchInfo& { return recent_[(oldest + i) % count]; };
  if (count == 0 || offset < at(0).base_offset) return std::nullopt;
  std::size_t low = 0;
  std::size_t high = count;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (at(middle).last_offset < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == count) return std::nullopt;
  return at(low);
}

SegmentResult<std::optional<BatchInfo>> Segment::find(Offset offset) {
  if (auto recent = find_recent(offset)) return recent;
  if (auto loaded = load_indexes(); !loaded) return std::unexpected(loaded.error());
  const std::uint64_t from = offset <= base_ ? 0 : built_.offsets.lookup(offset - base_);
  const std::uint64_t shape = shape_;
  BatchScanner scanner{*file_, from, size_};
  BatchInfo info;
  while (true) {
    const auto more = scanner.next(info);
    if (!more) return std::unexpected(more.error());
    if (!*more) return std::nullopt;
    if (shape == shape_) built_.offsets.learn(info.position, info.bytes);  // else another batch may begin there by now
    if (info.last_offset >= offset) return info;
  }
}

SegmentResult<std::optional<OffsetIndex::Place>> Segment::locate(Offset offset) {
  if (const auto recent = find_recent(offset)) return OffsetIndex::Place{recent->position, recent->bytes};
  if (auto loaded = load_indexes(); !loaded) return std::unexpected(loaded.error());
  if (const auto known = built_.offsets.batch_at(offset - base_)) return known;
  const auto found = find(offset);
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::nullopt;
  return OffsetIndex::Place{(*found)->position, (*found)->bytes};
}

SegmentResult<std::optional<BatchInfo>> Segment::find_timestamp(std::int64_t timestamp_ms) {
  if (auto loaded = load_indexes(); !loaded) return std::unexpected(loaded.error());
  const auto below = built_.times.lookup_below(timestamp_ms);
  const std::uint64_t from = below ? built_.offsets.lookup(below->relative_offset) : 0;
  BatchScanner scanner{*file_, from, size_};
  BatchInfo info;
  while (true) {
    const auto more = scanner.next(info);
    if (!more) return std::unexpected(more.error());
    if (!*more) return std::nullopt;
    if (info.max_timestamp_ms >= timestamp_ms) return info;
  }
}

SegmentResult<std::int64_t> Segment::max_timestamp() {
  if (auto loaded = load_indexes(); !loaded) return std::unexpected(loaded.error());
  return built_.max_timestamp_ms;
}

SegmentResult<std::int64_t> Segment::first_timestamp() {
  if (first_known_) return first_timestamp_ms_;
  BatchScanner scanner{*file_, 0, size_};
  BatchInfo info;
  const auto more = scanner.next(info);
  if (!more) return std::unexpected(more.error());
  if (*more) first_timestamp_ms_ = info.max_timestamp_ms;
  first_known_ = *more;
  return first_timestamp_ms_;
}

SegmentResult<const TransactionIndex*> Segment::transactions() {
  if (auto loaded = load_indexes(); !loaded) return std::unexpected(loaded.error());
  return &transactions_;
}

SegmentResult<IndexBuilder> Segment::rebuilt() {
  IndexBuilder builder;
  BatchScanner scanner{*file_, 0, size_};
  BatchInfo info;
  Offset last = base_ - 1;
  while (true) {
    const auto more = scanner.next(info);
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
    if (info.base_offset <= last || !fits(info.last_offset)) {
      return std::unexpected(SegmentError{LogError::corrupt_message, runtime::IoError::io_failure});
    }
    last = info.last_offset;
    builder.add(info, base_, interval_bytes_);
  }
  if (sealed_) builder.finish();
  return builder;
}

SegmentResult<bool> Segment::load_indexes() {
  if (loaded_) return false;
  const auto offsets = read_file(world_, path(index_suffix));
  if (!offsets) return segment_error(offsets.error());
  const auto times = read_file(world_, path(time_index_suffix));
  if (!times) return segment_error(times.error());
  const auto transactions = read_file(world_, path(transaction_index_suffix));
  if (!transactions) return segment_error(transactions.error());
  if (loaded_) return false;  // another fiber was faster
  auto offset_index = *offsets ? OffsetIndex::decode(**offsets, size_) : std::nullopt;
  auto time_index = *times ? TimeIndex::decode(**times) : std::nullopt;
  auto transaction_index = *transactions ? TransactionIndex::decode(**transactions, base_) : TransactionIndex{};
  const bool trusted = offset_index && time_index && (size_ == 0 || !sealed_ || !time_index->entries().empty());
  if (trusted) {
    built_ = IndexBuilder{};
    built_.offsets = std::move(*offset_index);
    built_.times = std::move(*time_index);
    if (!built_.times.entries().empty()) {
      built_.max_timestamp_ms = built_.times.entries().back().timestamp_ms;
      built_.max_timestamp_offset = built_.times.entries().back().relative_offset;
    }
    offsets_written_ = built_.offsets.entries().size();
    times_written_ = built_.times.entries().size();
  } else {
    auto builder = rebuilt();
    if (!builder) return std::unexpected(builder.error());
    if (loaded_) return false;
    built_ = std::move(*builder);
    rewrite_ = true;
    indexes_durable_ = false;
  }
  if (transaction_index) {
    transactions_ = std::move(*transaction_index);
    transactions_written_ = transactions_.entries().size();
  }
  loaded_ = true;
  return !trusted;
}

void Segment::drop_indexes() {
  if (!sealed_ || rewrite_ || !indexes_durable_) return;
  built_ = IndexBuilder{};
  transactions_ = TransactionIndex{};
  recent_ = {};
  recent_next_ = 0;
  loaded_ = false;
}

void Segment::restart() {
  built_ = IndexBuilder{};
  transactions_ = TransactionIndex{};
  recent_.clear();
  recent_next_ = 0;
  size_ = 0;
  first_known_ = false;
  loaded_ = true;
  sealed_ = false;
  rewrite_ = true;
  indexes_durable_ = false;
  ++shape_;
}

SegmentResult<void> Segment::truncate_to(std::uint64_t position, Offset end) {
  SQUALL_ASSERT(position <= size_, "truncation does not grow a segment");
  if (auto loaded = load_indexes(); !loaded) return std::unexpected(loaded.error());
  size_ = position;
  ++shape_;
  sealed_ = false;
  rewrite_ = true;
  indexes_durable_ = false;
  recent_.clear();
  recent_next_ = 0;
  if (position == 0) first_known_ = false;
  built_.offsets.truncate_to_position(position);
  built_.times.truncate_to(end - base_);
  transactions_.truncate_to(end);
  if (auto cut = file_->truncate(position); !cut) return segment_error(cut.error());
  if (auto synced = file_->sync(); !synced) return segment_error(synced.error());
  const auto tail = rescan_tail();
  if (!tail) return std::unexpected(tail.error());
  return {};
}

SegmentResult<Offset> Segment::rescan_tail() {
  SQUALL_ASSERT(loaded_, "the indexes come first");
  sealed_ = false;
  const std::uint64_t from =
      built_.offsets.entries().empty() ? 0 : static_cast<std::uint64_t>(built_.offsets.entries().back().position);
  built_.max_timestamp_ms = -1;
  built_.max_timestamp_offset = 0;
  if (!built_.times.entries().empty()) {
    built_.max_timestamp_ms = built_.times.entries().back().timestamp_ms;
    built_.max_timestamp_offset = built_.times.entries().back().relative_offset;
  }
  BatchScanner scanner{*file_, from, size_};
  BatchInfo info;
  Offset end = base_;
  while (true) {
    const auto more = scanner.next(info);
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
    if (info.base_offset < end || !fits(info.last_offset)) {
      return std::unexpected(SegmentError{LogError::corrupt_message, runtime::IoError::io_failure});
    }
    end = info.next_offset();
    if (info.max_timestamp_ms > built_.max_timestamp_ms) {
      built_.max_timestamp_ms = info.max_timestamp_ms;
      built_.max_timestamp_offset = info.last_offset - base_;
    }
    remember(info);
  }
  built_.bytes_since_entry = size_ - from;
  return end;
}

void Segment::adopt_transactions(TransactionIndex index) {
  if (transactions_.entries() == index.entries()) return;
  transactions_ = std::move(index);
  rewrite_ = true;
  indexes_durable_ = false;
}

Result<std::vector<std::string>> Segment::mark_deleted() {
  deleted_ = true;
  std::vector<std::string> marked;
  // The records last: without them the indexes are orphans, which loading removes.
  for (const std::string_view suffix :
       {index_suffix, time_index_suffix, transaction_index_suffix, snapshot_suffix, log_suffix}) {
    const std::string from = path(suffix);
    std::string to = from + std::string{deleted_suffix};
    auto renamed = world_.rename(from, to);
    if (!renamed && renamed.error() == runtime::IoError::not_found) continue;
    if (!renamed) return std::unexpected(renamed.error());
    marked.push_back(std::move(to));
  }
  return marked;
}

}  // namespace squall::log
