// Arrays, for the generated code alone.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/reader.h"
#include "protocol/writer.h"

namespace squall::protocol {

// The elements that are there already are filled anew, and keep the memory that they hold.
template <class T, class ReadElement>
void read_elements(Reader& reader, std::vector<T>& out, std::size_t count, ReadElement read_element) {
  out.resize(count);
  for (T& element : out) {
    read_element(element);
    if (reader.failed()) [[unlikely]]
      return;
  }
}

template <class T, class ReadElement>
void read_array(Reader& reader, std::vector<T>& out, bool compact, bool nullable, std::size_t element_bytes_min,
                ReadElement read_element) {
  read_elements(reader, out, reader.count(compact, nullable, element_bytes_min, sizeof(T)).value_or(0), read_element);
}

template <class T, class ReadElement>
void read_array(Reader& reader, std::optional<std::vector<T>>& out, bool compact, bool nullable, std::size_t element_bytes_min,
                ReadElement read_element) {
  const std::optional<std::size_t> count = reader.count(compact, nullable, element_bytes_min, sizeof(T));
  if (count) {
    if (!out) out.emplace();
    read_elements(reader, *out, *count, read_element);
  } else {
    out.reset();
  }
}

template <class T, class WriteElement>
void write_array(Writer& writer, const std::vector<T>& elements, bool compact, bool, std::string_view field,
                 WriteElement write_element) {
  writer.count(elements.size(), compact, field);
  for (const T& element : elements) write_element(element);
}

template <class T, class WriteElement>
void write_array(Writer& writer, const std::optional<std::vector<T>>& elements, bool compact, bool nullable,
                 std::string_view field, WriteElement write_element) {
  if (elements) return write_array(writer, *elements, compact, nullable, field, write_element);
  writer.null_array(compact, nullable, field);
}

}  // namespace squall::protocol
