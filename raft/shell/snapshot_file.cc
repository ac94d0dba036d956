#include "raft/shell/snapshot_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/assert.h"
#include "log/files.h"
#include "protocol/framing.h"
#include "protocol/writer.h"
#include "raft/quorum/control_records.h"

namespace squall::raft {
namespace {

using protocol::RecordBatchView;
using runtime::Cost;

// One batch holds no more, as in Kafka (KafkaRaftClient.MAX_BATCH_SIZE_BYTES).
constexpr std::size_t batch_bytes_max = std::size_t{8} << 20;
constexpr std::int32_t batch_records_max = 10'000;
constexpr std::size_t window_bytes = std::size_t{1} << 20;
constexpr std::size_t decompressed_bytes_max = std::size_t{64} << 20;
constexpr std::size_t offset_digits = 20;
constexpr std::size_t epoch_digits = 10;

template <class T>
std::optional<T> number(std::string_view digits) {
  if (!std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  T value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::unexpected<std::string> broken(std::string_view path, std::string_view what) {
  return std::unexpected(fmt::format("{}: {}; restore the file from a copy, or format the node anew", path, what));
}

// Gives the whole batches of a file one by one, each checked.
class BatchFile {
 public:
  BatchFile(runtime::World& world, runtime::File& file, const std::string& path) : world_{world}, file_{file}, path_{path} {}

  // False at the end of the file. `batch` is good until the next call.
  MetadataLogResult<bool> next(RecordBatchView& batch) {
    if (auto filled = fill(protocol::batch_header_bytes); !filled) return std::unexpected(std::move(filled.error()));
    if (rest().empty()) return false;
    if (rest().size() < protocol::batch_header_bytes) return broken(path_, cut());
    const auto frame = RecordBatchView{rest()}.validate_frame();
    // Truncated here means: not wholly in the window.
    if (!frame && frame.error() != protocol::BatchError::truncated) return broken(path_, bad(to_string(frame.error())));
    const std::size_t bytes = RecordBatchView{rest()}.size_bytes();
    if (auto filled = fill(bytes); !filled) return std::unexpected(std::move(filled.error()));
    if (rest().size() < bytes) return broken(path_, cut());
    batch = RecordBatchView{rest().first(bytes)};
    world_.charge(Cost::checksummed_byte, bytes);
    if (const auto valid = batch.validate(); !valid) return broken(path_, bad(to_string(valid.error())));
    used_ += bytes;
    return true;
  }

 private:
  [[nodiscard]] ByteView rest() const { return ByteView{window_}.subspan(used_); }
  [[nodiscard]] std::uint64_t position() const { return read_ - rest().size(); }
  [[nodiscard]] std::string cut() const { return fmt::format("it ends inside of the batch at byte {}", position()); }
  [[nodiscard]] std::string bad(std::string_view why) const {
    return fmt::format("the batch at byte {} is bad: {}", position(), why);
  }

  // Sees to it that `bytes` are there, if the file has them.
  MetadataLogResult<void> fill(std::size_t bytes) {
    if (rest().size() >= bytes || ended_) return {};
    window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ = 0;
    if (size_ == 0) {
      const auto size = file_.size();
      if (!size) return std::unexpected(disk_failure(path_, "read", size.error()));
      size_ = *size;
    }
    // A length that lies asks for no more memory than the file has bytes.
    const std::size_t have = window_.size();
    const auto left = static_cast<std::size_t>(size_ - std::min(size_, read_));
    const std::size_t wanted = std::min(left, std::max(bytes - have, window_bytes));
    window_.resize(have + wanted);
    const auto got = runtime::pread_full(file_, MutableBytes{window_}.subspan(have), read_);
    if (!got) return std::unexpected(disk_failure(path_, "read", got.error()));
    window_.resize(have + *got);
    read_ += *got;
    ended_ = wanted == left || *got < wanted;
    return {};
  }

  runtime::World& world_;
  runtime::File& file_;
  const std::string& path_;
  ByteBuffer window_;
  std::size_t used_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t size_ = 0;
  bool ended_ = false;
};

// What the control records of a snapshot say, one after the other.
class HeadReader {
 public:
  // Or what is wrong.
  std::expected<void, std::string> add(const RecordBatchView& batch) {
    if (batch.codec() != protocol::Codec::none) return std::unexpected("a control batch is compressed");
    protocol::RecordReader reader{batch, batch.payload()};
    protocol::RecordView record;
    while (reader.next(record)) {
      auto parsed = parse_control_record(record);
      if (!parsed) return std::unexpected(std::string{parsed.error()});
      if (whole_) return std::unexpected("there are records behind its footer");
      if (!*parsed) continue;
      if (auto added = add(**parsed); !added) return added;
    }
    if (reader.failed()) return std::unexpected("the records of a control batch cannot be read");
    return {};
  }
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] bool whole() const { return whole_; }
  [[nodiscard]] SnapshotHead& head() { return head_; }

 private:
  std::expected<void, std::string> add(ControlRecord& record) {
    if (const auto* header = std::get_if<SnapshotHeader>(&record)) {
      if (begun_) return std::unexpected("it has two headers");
      begun_ = true;
      head_.last_timestamp_ms = header->last_contained_log_timestamp_ms;
      return {};
    }
    if (!begun_) return std::unexpected("it does not begin with a snapshot header");
    if (std::holds_alternative<SnapshotFooter>(record)) whole_ = true;
    if (const auto* version = std::get_if<KRaftVersion>(&record)) head_.kraft_version = version->version;
    if (auto* voters = std::get_if<VoterSet>(&record)) head_.voters = std::move(*voters);
    return {};
  }

  SnapshotHead head_;
  bool begun_ = false;
  bool whole_ = false;
};

std::expected<void, std::string> visit_batch(const RecordBatchView& batch, protocol::Compressor& compressor,
                                             ByteBuffer& scratch, const RecordVisitor& visit) {
  auto reader = protocol::RecordReader::open(batch, compressor, scratch, decompressed_bytes_max);
  if (!reader) return std::unexpected(std::string{to_string(reader.error())});
  protocol::RecordView record;
  while (reader->next(record)) {
    const auto decoded = protocol::decode_metadata_record(record.value.value_or(ByteView{}));
    if (!decoded) return std::unexpected(fmt::format("record {}: {}", record.offset, decoded.error().what));
    visit(*decoded);
  }
  if (reader->failed())
    return std::unexpected(fmt::format("the records of the batch at offset {} cannot be read", batch.base_offset()));
  return {};
}

}  // namespace

std::string disk_failure(std::string_view path, std::string_view verb, runtime::IoError error) {
  return fmt::format("{}: cannot {} it: {}; check the disk, then start the node again", path, verb, runtime::to_string(error));
}

MetadataLogResult<void> rename_durably(runtime::World& world, const std::string& from, const std::string& to) {
  if (const auto renamed = world.rename(from, to); !renamed)
    return std::unexpected(disk_failure(from, "rename", renamed.error()));
  const std::string dir = log::parent_of(to);
  if (const auto synced = world.sync_dir(dir); !synced) return std::unexpected(disk_failure(dir, "sync", synced.error()));
  return {};
}

std::string snapshot_file_name(OffsetAndEpoch id, std::string_view suffix) {
  return fmt::format("{:020}-{:010}{}", id.offset.value(), id.epoch.value(), suffix);
}

std::optional<OffsetAndEpoch> parse_snapshot_file_name(std::string_view name, std::string_view suffix) {
  if (name.size() != offset_digits + 1 + epoch_digits + suffix.size()) return std::nullopt;
  if (name[offset_digits] != '-' || !name.ends_with(suffix)) return std::nullopt;
  const auto offset = number<std::int64_t>(name.substr(0, offset_digits));
  const auto epoch = number<std::int32_t>(name.substr(offset_digits + 1, epoch_digits));
  if (!offset || !epoch) return std::nullopt;
  return OffsetAndEpoch{LeaderEpoch{*epoch}, Offset{*offset}};
}

// ---- writing ----

SnapshotWriter::SnapshotWriter(runtime::World& world, std::string path, std::unique_ptr<runtime::File> file, LeaderEpoch epoch,
                               std::int64_t timestamp_ms)
    : world_{&world}, path_{std::move(path)}, file_{std::move(file)}, epoch_{epoch}, timestamp_ms_{timestamp_ms} {}

MetadataLogResult<SnapshotWriter> SnapshotWriter::begin(runtime::World& world, std::string path, LeaderEpoch epoch,
                                                        const SnapshotHead& head) {
  auto file = world.open(path, runtime::OpenMode::create);
  if (!file) return std::unexpected(disk_failure(path, "create", file.error()));
  if (const auto emptied = (*file)->truncate(0); !emptied) return std::unexpected(disk_failure(path, "write", emptied.error()));
  SnapshotWriter writer{world, std::move(path), std::move(*file), epoch, head.last_timestamp_ms};
  const ByteBuffer start =
      build_snapshot_start(head.last_timestamp_ms, head.kraft_version, head.voters ? &*head.voters : nullptr, epoch);
  writer.next_ = RecordBatchView{start}.next_offset();
  writer.write(start);
  writer.start_batch();
  return writer;
}

void SnapshotWriter::start_batch() {
  protocol::BatchOptions options;
  options.base_offset = next_;
  options.partition_leader_epoch = epoch_;
  batch_.start(options);
}

void SnapshotWriter::end_batch() {
  if (batch_.record_count() == 0) return;
  next_ += batch_.record_count();
  const MutableBytes bytes = batch_.finish();
  write(bytes);
  start_batch();
}

void SnapshotWriter::add(const protocol::MetadataRecord& record, std::int16_t version) {
  if (!failure_.empty()) return;
  record_.clear();
  {
    protocol::Writer writer{record_};
    const auto framed = protocol::encode_metadata_record(writer, version, record);
    if (!framed)
      return fail(fmt::format("a metadata record does not fit its version {}; this is a defect, report it", version));
  }
  const std::size_t bytes = protocol::RecordBatchBuilder::record_bytes_max(std::nullopt, ByteView{record_});
  if (batch_.record_count() == batch_records_max || batch_.size_bytes() + bytes > batch_bytes_max) end_batch();
  batch_.append(timestamp_ms_, std::nullopt, ByteView{record_});
}

MetadataLogResult<std::int64_t> SnapshotWriter::finish() {
  end_batch();
  write(build_snapshot_end(next_, epoch_, timestamp_ms_));
  if (failure_.empty()) {
    if (const auto synced = file_->sync(); !synced) failure_ = disk_failure(path_, "sync", synced.error());
  }
  if (!failure_.empty()) return std::unexpected(failure_);
  return static_cast<std::int64_t>(size_);
}

void SnapshotWriter::write(ByteView bytes) {
  if (!failure_.empty()) return;
  world_->charge(Cost::checksummed_byte, bytes.size());
  if (const auto written = runtime::pwrite_all(*file_, bytes, size_); !written) {
    failure_ = disk_failure(path_, "write", written.error());
    found_disk_full_ = written.error() == runtime::IoError::no_space;
  }
  size_ += bytes.size();
}

void SnapshotWriter::fail(std::string_view what) { failure_ = fmt::format("{}: {}", path_, what); }

// ---- reading ----

MetadataLogResult<SnapshotHead> read_snapshot_file(runtime::World& world, const std::string& path, LeaderEpoch epoch,
                                                   const RecordVisitor& visit) {
  const auto file = world.open(path, runtime::OpenMode::read);
  if (!file) return std::unexpected(disk_failure(path, "open", file.error()));
  return read_snapshot_file(world, **file, path, epoch, visit);
}

MetadataLogResult<SnapshotHead> read_snapshot_file(runtime::World& world, runtime::File& file, const std::string& path,
                                                   LeaderEpoch epoch, const RecordVisitor& visit) {
  BatchFile batches{world, file, path};
  HeadReader head;
  Offset next{0};
  RecordBatchView batch;
  protocol::Compressor compressor;
  ByteBuffer scratch;
  while (true) {
    const auto more = batches.next(batch);
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
    if (head.whole()) return broken(path, "there are records behind its footer");
    if (batch.base_offset() != next) {
      return broken(path, fmt::format("a batch at offset {}, where {} is next", batch.base_offset(), next));
    }
    if (batch.partition_leader_epoch() != epoch) {
      return broken(path, fmt::format("its name says epoch {}, a batch in it {}", epoch, batch.partition_leader_epoch()));
    }
    if (batch.is_control()) {
      if (const auto added = head.add(batch); !added) return broken(path, added.error());
    } else {
      if (!head.begun()) return broken(path, "it does not begin with a snapshot header");
      if (visit) {
        world.charge(Cost::record, static_cast<std::uint64_t>(batch.record_count()));
        if (const auto visited = visit_batch(batch, compressor, scratch, visit); !visited) return broken(path, visited.error());
      }
    }
    next = batch.next_offset();
  }
  if (!head.begun()) return broken(path, "it is empty");
  if (!head.whole()) return broken(path, "it has no footer: it is not whole");
  return std::move(head.head());
}

}  // namespace squall::raft
