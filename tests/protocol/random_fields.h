// Fills a message with random values.
#pragma once

#include <cstdint>
#include <optional>

#include "base/random.h"
#include "tests/protocol/any_message.h"

namespace squall::protocol {

class RandomFields : public FieldVisitor {
 public:
  // With a version, only fields that it carries are set, to what it can carry; without, any field to anything. Text is
  // printable ASCII.
  RandomFields(Random random, std::optional<std::int16_t> version) : random_{random}, version_{version} {}

  bool begin_field(const FieldFacts& facts) override;
  bool null(const FieldFacts& facts, bool is_null) override;
  std::size_t begin_array(std::size_t count) override;
  void end_array() override { --depth_; }
  void value(bool& value) override { value = random_.chance(1, 2); }
  void value(std::int8_t& value) override { value = integer<std::int8_t>(); }
  void value(std::int16_t& value) override { value = integer<std::int16_t>(); }
  void value(std::uint16_t& value) override { value = integer<std::uint16_t>(); }
  void value(std::int32_t& value) override { value = integer<std::int32_t>(); }
  void value(std::uint32_t& value) override { value = integer<std::uint32_t>(); }
  void value(std::int64_t& value) override { value = integer<std::int64_t>(); }
  void value(double& value) override { value = static_cast<double>(random_.between(-1'000'000, 1'000'000)) / 64; }
  void value(Uuid& value) override;
  void value(std::string& value) override;
  void value(ByteBuffer& value) override;
  void records(const FieldFacts& facts, Records& value) override;

 private:
  // Small, extreme and arbitrary numbers alike.
  template <class T>
  T integer();
  std::size_t length();

  Random random_;
  std::optional<std::int16_t> version_;
  int depth_ = 0;
};

}  // namespace squall::protocol
