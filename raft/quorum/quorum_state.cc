#include "raft/quorum/quorum_state.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <map>
#include <optional>

namespace squall::raft {
namespace {

// As much of JSON as the file has: an object of whole numbers, strings, null, and arrays of such objects. A string keeps its
// escapes, which no value of ours has.
struct Value {
  enum class Kind : std::uint8_t { null, number, string, array };
  Kind kind = Kind::null;
  std::int64_t number = 0;
  std::string_view text;
  std::vector<std::map<std::string_view, Value>> elements;
};
using Object = std::map<std::string_view, Value>;

class Json {
 public:
  explicit Json(std::string_view text) : rest_{text} {}

  // The whole text, or nothing.
  std::optional<Object> document() {
    Object object;
    if (!read(object) || (skip(), !rest_.empty())) return std::nullopt;
    return object;
  }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  void skip() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  bool take(char wanted) {
    skip();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool read(std::string_view& text) {
    if (!take('"')) return false;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == '"') {
        text = rest_.substr(0, i);
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }
  bool read(Object& object) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      std::string_view key;
      Value value;
      if (!read(key) || !take(':') || !read(value)) return false;
      if (!object.emplace(key, std::move(value)).second) {
        error_ = fmt::format("'{}' is there twice", key);
        return false;
      }
    } while (take(','));
    return take('}');
  }
  bool read(Value& value) {
    skip();
    if (rest_.starts_with("null")) {
      rest_.remove_prefix(4);
      return true;
    }
    if (rest_.starts_with('"')) {
      value.kind = Value::Kind::string;
      return read(value.text);
    }
    if (take('[')) {
      value.kind = Value::Kind::array;
      if (take(']')) return true;
      do {
        // Deeper than this no version of the file goes.
        if (++depth_ > 1 || !read(value.elements.emplace_back())) return false;
        --depth_;
      } while (take(','));
      return take(']');
    }
    value.kind = Value::Kind::number;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value.number);
    if (error != std::errc{}) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return true;
  }

  std::string_view rest_;
  std::string error_;
  int depth_ = 0;
};

std::expected<std::int32_t, std::string> number(const Object& object, std::string_view key, std::int64_t min) {
  const auto found = object.find(key);
  if (found == object.end()) return std::unexpected{fmt::format("'{}' is missing", key)};
  const Value& value = found->second;
  if (value.kind != Value::Kind::number) return std::unexpected{fmt::format("'{}' is not a whole number", key)};
  if (value.number < min || value.number > std::numeric_limits<std::int32_t>::max()) {
    return std::unexpected{fmt::format("'{}' is {}, which cannot be", key, value.number)};
  }
  return static_cast<std::int32_t>(value.number);
}

std::expected<void, std::string> read_voters(const Object& object, QuorumStateFile& file) {
  const auto found = object.find("currentVoters");
  if (found == object.end() || found->second.kind == Value::Kind::null) return {};
  if (found->second.kind != Value::Kind::array) return std::unexpected{"'currentVoters' is not an array"};
  for (const Object& voter : found->second.elements) {
    const auto id = number(voter, "voterId", 0);
    if (!id) return std::unexpected{id.error()};
    file.voters.emplace_back(*id);
  }
  return {};
}

std::expected<void, std::string> read_directory(const Object& object, QuorumStateFile& file) {
  const auto found = object.find("votedDirectoryId");
  if (found == object.end()) return std::unexpected{"'votedDirectoryId' is missing"};
  const auto directory = found->second.kind == Value::Kind::string ? Uuid::parse(found->second.text) : std::nullopt;
  if (!directory) return std::unexpected{"'votedDirectoryId' is not a directory id"};
  // Kafka writes an id also where there is no vote.
  if (file.election.voted.id != no_node) file.election.voted.directory = *directory;
  return {};
}

}  // namespace

std::string encode_quorum_state(const ElectionState& election, std::int16_t kraft_version, const VoterSet& voters) {
  if (kraft_version >= dynamic_voters_version) {
    return fmt::format(R"({{"leaderId":{},"leaderEpoch":{},"votedId":{},"votedDirectoryId":"{}","data_version":1}})",
                       election.leader, election.epoch, election.voted.id, election.voted.directory.to_string());
  }
  std::string list;
  for (const Voter& voter : voters.voters()) {
    list += fmt::format(R"({}{{"voterId":{}}})", list.empty() ? "" : ",", voter.key.id);
  }
  return fmt::format(
      R"({{"clusterId":"","leaderId":{},"leaderEpoch":{},"votedId":{},"appliedOffset":0,"currentVoters":[{}],"data_version":0}})",
      election.leader, election.epoch, election.voted.id, list);
}

std::expected<QuorumStateFile, std::string> parse_quorum_state(std::string_view text) {
  Json json{text};
  const auto object = json.document();
  if (!object)
    return std::unexpected{json.error().empty() ? "not a JSON object of the kind that quorum-state is" : json.error()};
  const auto version = number(*object, "data_version", 0);
  if (!version) return std::unexpected{version.error()};
  if (*version > 1) return std::unexpected{fmt::format("data_version {} is not known; 0 and 1 are", *version)};
  const auto leader = number(*object, "leaderId", -1);
  if (!leader) return std::unexpected{leader.error()};
  const auto epoch = number(*object, "leaderEpoch", 0);
  if (!epoch) return std::unexpected{epoch.error()};
  const auto voted = number(*object, "votedId", -1);
  if (!voted) return std::unexpected{voted.error()};
  QuorumStateFile file{.election = {.epoch = LeaderEpoch{*epoch}, .leader = NodeId{*leader}, .voted = {NodeId{*voted}, {}}},
                       .data_version = static_cast<std::int16_t>(*version)};
  const auto rest = file.data_version == 0 ? read_voters(*object, file) : read_directory(*object, file);
  if (!rest) return std::unexpected{rest.error()};
  return file;
}

}  // namespace squall::raft
