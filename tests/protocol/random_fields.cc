#include "tests/protocol/random_fields.h"

#include <limits>

namespace squall::protocol {

template <class T>
T RandomFields::integer() {
  switch (random_.below(4)) {
    case 0: return static_cast<T>(random_.between(-2, 2));
    case 1: return random_.chance(1, 2) ? std::numeric_limits<T>::max() : std::numeric_limits<T>::min();
    default: return static_cast<T>(random_.next());
  }
}

// Mostly short, at times past what one byte of a compact length can say.
std::size_t RandomFields::length() {
  return static_cast<std::size_t>(random_.chance(1, 16) ? random_.below(400) : random_.below(12));
}

bool RandomFields::begin_field(const FieldFacts& facts) {
  if (version_ && !facts.in(*version_)) return false;
  return !facts.tagged || random_.chance(1, 2);
}

bool RandomFields::null(const FieldFacts& facts, bool) {
  return (!version_ || facts.null_in(*version_)) && random_.chance(1, 4);
}

std::size_t RandomFields::begin_array(std::size_t) {
  ++depth_;
  if (depth_ == 1 && random_.chance(1, 32)) return 130;
  return static_cast<std::size_t>(random_.below(depth_ > 2 ? 3 : 4));
}

void RandomFields::value(Uuid& value) {
  value = {};
  if (random_.chance(1, 4)) return;
  value.most_significant = random_.next();
  value.least_significant = random_.next();
}

void RandomFields::value(std::string& value) {
  value.resize(length());
  for (char& c : value) c = static_cast<char>(random_.between(' ', '~'));
}

void RandomFields::value(ByteBuffer& value) {
  value.resize(length());
  random_.fill(value);
}

void RandomFields::records(const FieldFacts& facts, Records& value) {
  static constexpr std::uint8_t some[] = {1, 2, 3, 0xFF, 0, 4, 5, 6, 7, 8, 9, 10};
  if (null(facts, false)) {
    value = Records::null();
  } else {
    value = Records::of(ByteView{some}.first(static_cast<std::size_t>(random_.below(sizeof some + 1))));
  }
}

}  // namespace squall::protocol
