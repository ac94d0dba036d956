// Reads and writes messages for a test that compares them with another codec: codec_peer COMMAND ...
//
//   list                            "name kind key first-version last-version first-flexible-version", a line each
//   random NAME VERSION COUNT SEED  random messages: the values as JSON, a tab, the bytes in hexadecimal
//   read NAME VERSION               for each line of bytes in hexadecimal: the values, a tab, the bytes written again
//
// Values stand in the order of the wire, without names: a struct and an array are arrays, bytes are {"hex": "..."}.
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <string>

#include "tests/protocol/any_message.h"
#include "tests/protocol/random_fields.h"

namespace squall::protocol {
namespace {

std::string to_hex(ByteView bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

ByteBuffer from_hex(std::string_view text) {
  ByteBuffer bytes(text.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, bytes[i], 16);
  }
  return bytes;
}

class ToJson : public FieldVisitor {
 public:
  explicit ToJson(std::int16_t version) : version_{version} {}
  [[nodiscard]] std::string text() const { return "[" + text_ + "]"; }

  bool begin_field(const FieldFacts& facts) override { return facts.in(version_); }
  bool null(const FieldFacts&, bool is_null) override {
    if (is_null) put("null");
    return is_null;
  }
  std::size_t begin_array(std::size_t count) override {
    open();
    return count;
  }
  void end_array() override { text_ += "]"; }
  void begin_struct() override { open(); }
  void end_struct() override { text_ += "]"; }
  void value(bool& value) override { put(value ? "true" : "false"); }
  void value(std::int8_t& value) override { put(fmt::format("{}", static_cast<int>(value))); }
  void value(std::int16_t& value) override { put(fmt::format("{}", value)); }
  void value(std::uint16_t& value) override { put(fmt::format("{}", value)); }
  void value(std::int32_t& value) override { put(fmt::format("{}", value)); }
  void value(std::uint32_t& value) override { put(fmt::format("{}", value)); }
  void value(std::int64_t& value) override { put(fmt::format("{}", value)); }
  void value(double& value) override { put(fmt::format("{}", value)); }
  void value(Uuid& value) override { put('"' + value.to_string() + '"'); }
  void value(std::string& value) override {
    std::string quoted = "\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    put(quoted + "\"");
  }
  void value(ByteBuffer& value) override { put_bytes(value); }
  void records(const FieldFacts&, Records& value) override {
    if (value.is_null) return put("null");
    put_bytes(value.bytes);
  }

 private:
  void put(std::string_view text) {
    if (!text_.empty() && text_.back() != '[') text_ += ", ";
    text_ += text;
  }
  void put_bytes(ByteView bytes) { put(fmt::format("{{\"hex\": \"{}\"}}", to_hex(bytes))); }
  void open() {
    put("");
    text_ += "[";
  }

  std::int16_t version_;
  std::string text_;
};

void print(const MessageKind& kind, std::int16_t version, std::any& message) {
  ToJson json{version};
  kind.visit(json, message);
  ByteBuffer bytes;
  Writer writer{bytes};
  if (const EncodeResult result = kind.encode(writer, version, message); !result) {
    std::cout << "cannot be written: " << result.error().field << " " << result.error().what << "\n";
    return;
  }
  std::cout << json.text() << "\t" << to_hex(bytes) << "\n";
}

int list() {
  for (const MessageKind& kind : all_messages()) {
    std::cout << fmt::format("{} {} {} {} {} {}\n", kind.name, kind.kind, kind.key, kind.version_min, kind.version_max,
                             kind.flexible_min);
  }
  return 0;
}

int random(const MessageKind& kind, std::int16_t version, int count, std::uint64_t seed) {
  const Random random = Random{seed}.fork(kind.name);
  for (int i = 0; i < count; ++i) {
    std::any message = kind.make();
    RandomFields fields{random.fork(fmt::format("{}/{}", version, i)), version};
    kind.visit(fields, message);
    print(kind, version, message);
  }
  return 0;
}

int read(const MessageKind& kind, std::int16_t version) {
  for (std::string line; std::getline(std::cin, line);) {
    const ByteBuffer bytes = from_hex(line);
    Reader reader{bytes};
    std::any message = kind.make();
    if (const DecodeResult result = kind.decode(reader, version, message); !result) {
      std::cout << "cannot be read: " << result.error().what << " at " << result.error().position << "\n";
    } else if (reader.remaining() > 0) {
      std::cout << "leaves " << reader.remaining() << " bytes\n";
    } else {
      print(kind, version, message);
    }
  }
  return 0;
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 1 && words[0] == "list") return list();
  if (words.size() < 3) return 2;
  for (const MessageKind& kind : all_messages()) {
    if (kind.name != words[1]) continue;
    const auto version = static_cast<std::int16_t>(std::stoi(words[2]));
    if (words[0] == "random" && words.size() == 5) return random(kind, version, std::stoi(words[3]), std::stoull(words[4]));
    if (words[0] == "read") return read(kind, version);
  }
  return 2;
}

}  // namespace
}  // namespace squall::protocol

int main(int count, char** words) { return squall::protocol::run({words + 1, words + count}); }
