// Any message of the protocol, its fields walked one by one, so that one test covers them all.
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/uuid.h"
#include "protocol/message.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace squall::protocol {

struct FieldFacts {
  std::string_view name;
  std::int16_t version_min;
  std::int16_t version_max;
  std::int16_t null_min;  // above null_max if never null
  std::int16_t null_max;
  bool tagged;

  [[nodiscard]] bool in(std::int16_t version) const { return version_min <= version && version <= version_max; }
  [[nodiscard]] bool null_in(std::int16_t version) const { return null_min <= version && version <= null_max; }
};

// Walks the fields of a message in their order, and may change them.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  // Whether to go into the field.
  virtual bool begin_field(const FieldFacts& facts) = 0;
  // Whether the field is to be null, given whether it is.
  virtual bool null(const FieldFacts& facts, bool is_null) = 0;
  // How many elements the array is to have, given how many it has.
  virtual std::size_t begin_array(std::size_t count) = 0;
  virtual void end_array() {}
  virtual void begin_struct() {}
  virtual void end_struct() {}
  virtual void value(bool& value) = 0;
  virtual void value(std::int8_t& value) = 0;
  virtual void value(std::int16_t& value) = 0;
  virtual void value(std::uint16_t& value) = 0;
  virtual void value(std::int32_t& value) = 0;
  virtual void value(std::uint32_t& value) = 0;
  virtual void value(std::int64_t& value) = 0;
  virtual void value(double& value) = 0;
  virtual void value(Uuid& value) = 0;
  virtual void value(std::string& value) = 0;
  virtual void value(ByteBuffer& value) = 0;
  virtual void records(const FieldFacts& facts, Records& value) = 0;
};

template <class T, class Each>
void visit_optional(FieldVisitor& visitor, const FieldFacts& facts, std::optional<T>& value, Each each) {
  if (visitor.null(facts, !value)) {
    value.reset();
    return;
  }
  if (!value) value.emplace();
  each(*value);
}

template <class T, class Each>
void visit_array(FieldVisitor& visitor, const FieldFacts&, std::vector<T>& values, Each each) {
  values.resize(visitor.begin_array(values.size()));
  for (T& value : values) each(value);
  visitor.end_array();
}

template <class T, class Each>
void visit_array(FieldVisitor& visitor, const FieldFacts& facts, std::optional<std::vector<T>>& values, Each each) {
  visit_optional(visitor, facts, values, [&](std::vector<T>& some) { visit_array(visitor, facts, some, each); });
}

// What can be done with a message of one kind; the message itself is in a std::any.
struct MessageKind {
  std::string_view name;
  std::string_view kind;  // request, response, record, key, value or message
  std::int16_t key;       // of the API or record; -1 if it has none
  std::int16_t version_min;
  std::int16_t version_max;
  std::int16_t flexible_min;
  std::function<std::any()> make;
  std::function<void(FieldVisitor&, std::any&)> visit;
  std::function<DecodeResult(Reader&, std::int16_t, std::any&)> decode;
  std::function<EncodeResult(Writer&, std::int16_t, const std::any&)> encode;
  std::function<bool(const std::any&, const std::any&)> equal;
};

template <class Message>
MessageKind message_kind(std::string_view kind, std::int16_t key, void (*visit)(FieldVisitor&, Message&)) {
  return {
      .name = Message::message_name,
      .kind = kind,
      .key = key,
      .version_min = Message::version_min,
      .version_max = Message::version_max,
      .flexible_min = Message::flexible_min,
      .make = [] { return std::any{Message{}}; },
      .visit = [visit](FieldVisitor& visitor, std::any& any) { visit(visitor, std::any_cast<Message&>(any)); },
      .decode = [](Reader& reader, std::int16_t version,
                   std::any& any) { return decode(reader, version, std::any_cast<Message&>(any)); },
      .encode = [](Writer& writer, std::int16_t version,
                   const std::any& any) { return encode(writer, version, std::any_cast<const Message&>(any)); },
      .equal =
          [](const std::any& left, const std::any& right) {
            return std::any_cast<const Message&>(left) == std::any_cast<const Message&>(right);
          },
  };
}

// Every message there is.
[[nodiscard]] const std::vector<MessageKind>& all_messages();

}  // namespace squall::protocol
