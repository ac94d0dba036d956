// A short list of node ids in sixteen bytes: up to three stand inside, longer lists on the heap.
//
// A partition has half a dozen of these, and a cluster a hundred thousand partitions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "base/types.h"

namespace squall::raft {

class NodeList {
 public:
  using value_type = NodeId;
  using const_iterator = const NodeId*;

  NodeList() = default;
  NodeList(std::initializer_list<NodeId> nodes) { assign(nodes.begin(), nodes.size()); }
  explicit NodeList(std::span<const NodeId> nodes) { assign(nodes.data(), nodes.size()); }
  NodeList(const NodeList& other) { assign(other.begin(), other.size()); }
  NodeList(NodeList&& other) noexcept { take(other); }
  NodeList& operator=(const NodeList& other) {
    if (this != &other) *this = NodeList{other};
    return *this;
  }
  NodeList& operator=(NodeList&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  ~NodeList() { release(); }

  // Of the numbers that stand in records.
  [[nodiscard]] static NodeList of(std::span<const std::int32_t> ids) {
    if (ids.size() <= inside_max) {
      NodeId few[inside_max];
      std::transform(ids.begin(), ids.end(), few, [](std::int32_t id) { return NodeId{id}; });
      return NodeList{std::span<const NodeId>{few, ids.size()}};
    }
    std::vector<NodeId> nodes;
    nodes.reserve(ids.size());
    for (const std::int32_t id : ids) nodes.emplace_back(id);
    return NodeList{std::span<const NodeId>{nodes}};
  }
  [[nodiscard]] std::vector<std::int32_t> ids() const {
    std::vector<std::int32_t> numbers;
    numbers.reserve(size());
    for (const NodeId node : *this) numbers.push_back(node.value());
    return numbers;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const_iterator begin() const { return size_ <= inside_max ? inside() : heap(); }
  [[nodiscard]] const_iterator end() const { return begin() + size_; }
  [[nodiscard]] NodeId front() const { return *begin(); }
  [[nodiscard]] NodeId operator[](std::size_t index) const { return begin()[index]; }
  [[nodiscard]] bool contains(NodeId node) const { return std::find(begin(), end(), node) != end(); }
  [[nodiscard]] bool operator==(const NodeList& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

 private:
  static constexpr std::size_t inside_max = 3;
  static_assert(sizeof(NodeId) == 4);

  [[nodiscard]] const NodeId* inside() const { return reinterpret_cast<const NodeId*>(bytes_); }
  [[nodiscard]] const NodeId* heap() const {
    const NodeId* nodes = nullptr;
    std::memcpy(&nodes, bytes_, sizeof nodes);
    return nodes;
  }
  void assign(const NodeId* nodes, std::size_t count) {
    size_ = static_cast<std::uint32_t>(count);
    if (count == 0) return;
    if (count <= inside_max) {
      std::memcpy(bytes_, nodes, count * sizeof(NodeId));
      return;
    }
    auto* copy = new NodeId[count];
    std::copy(nodes, nodes + count, copy);
    std::memcpy(bytes_, &copy, sizeof copy);
  }
  void take(NodeList& other) {
    size_ = std::exchange(other.size_, 0);
    std::memcpy(bytes_, other.bytes_, sizeof bytes_);
  }
  void release() {
    if (size_ > inside_max) delete[] heap();
    size_ = 0;
  }

  std::uint32_t size_ = 0;
  alignas(4) unsigned char bytes_[inside_max * sizeof(NodeId)] = {};
};

static_assert(sizeof(NodeList) == 16);

}  // namespace squall::raft
