// A vector whose copies are free: versions share what they have in common.
//
// A trie over the index, eight elements to a leaf and sixteen branches to a node. Reading, changing and adding at the end cost
// O(log n), with a base of sixteen; a change of a version that shares nothing happens in place.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "raft/metadata/shared_node.h"

namespace squall::raft {

template <class Value>
class PersistentVector {
  struct Node;
  using Link = SharedNode<Node>;

 public:
  class const_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Value;
    using difference_type = std::ptrdiff_t;
    using reference = const Value&;
    using pointer = const Value*;

    const_iterator() = default;
    const_iterator(const PersistentVector& of, std::size_t index) : of_{&of}, index_{index} {}
    reference operator*() const { return (*of_)[index_]; }
    pointer operator->() const { return &(*of_)[index_]; }
    const_iterator& operator++() {
      ++index_;
      return *this;
    }
    const_iterator operator++(int) { return {*of_, index_++}; }
    bool operator==(const const_iterator& other) const { return index_ == other.index_; }

   private:
    const PersistentVector* of_ = nullptr;
    std::size_t index_ = 0;
  };

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const_iterator begin() const { return {*this, 0}; }
  [[nodiscard]] const_iterator end() const { return {*this, size_}; }
  [[nodiscard]] const Value& front() const { return (*this)[0]; }

  [[nodiscard]] const Value& operator[](std::size_t index) const {
    SQUALL_ASSERT(index < size_, "an index is within the vector");
    const Node* node = root_.get();
    for (int shift = top_shift_; shift >= leaf_bits; shift -= branch_bits) {
      node = node->branches[(index >> shift) & branch_mask].get();
    }
    return node->values[index & leaf_mask];
  }

  // The element, to be changed at once, before anything else happens to the vector.
  [[nodiscard]] Value& change(std::size_t index) {
    SQUALL_ASSERT(index < size_, "an index is within the vector");
    return leaf_of(index)->values[index & leaf_mask];
  }

  void push_back(Value value) {
    if (!root_) {
      root_ = Link{new Node};
    } else if (size_ == std::size_t{1} << (top_shift_ == 0 ? leaf_bits : top_shift_ + branch_bits)) {
      Link above{new Node};
      above.own()->branches.push_back(std::move(root_));
      root_ = std::move(above);
      top_shift_ = top_shift_ == 0 ? leaf_bits : top_shift_ + branch_bits;
    }
    leaf_of(size_)->values.push_back(std::move(value));
    ++size_;
  }

  [[nodiscard]] bool is_same_version(const PersistentVector& other) const {
    return root_.get() == other.root_.get() && size_ == other.size_;
  }
  // Calls `visit(index)`, in order, for each element that may be another one than in `other`, or that `other` does not have:
  // all but those that the two share. Costs what differs.
  template <class Visit>
  void visit_unshared(const PersistentVector& other, Visit visit) const {
    if (!root_) return;
    const bool alike = top_shift_ == other.top_shift_;
    visit_unshared(*root_.get(), alike ? other.root_.get() : nullptr, top_shift_, 0, visit);
  }

  [[nodiscard]] bool operator==(const PersistentVector& other) const {
    return is_same_version(other) || (size_ == other.size_ && std::equal(begin(), end(), other.begin()));
  }

 private:
  static constexpr int leaf_bits = 3;
  static constexpr int branch_bits = 4;
  static constexpr std::size_t leaf_mask = (1U << leaf_bits) - 1;
  static constexpr std::size_t branch_mask = (1U << branch_bits) - 1;

  struct Node {
    std::atomic<std::uint32_t> references{1};
    std::vector<Link> branches;
    std::vector<Value> values;

    Node() = default;
    Node(const Node& other) : branches{other.branches}, values{other.values} {}
    static Node* copy_of(const Node& other) { return new Node{other}; }
  };

  // The leaf that holds or is to hold `index`, owned by this version; branches that lack are made.
  Node* leaf_of(std::size_t index) {
    Node* node = root_.own();
    for (int shift = top_shift_; shift >= leaf_bits; shift -= branch_bits) {
      const std::size_t branch = (index >> shift) & branch_mask;
      if (branch == node->branches.size()) node->branches.push_back(Link{new Node});
      node = node->branches[branch].own();
    }
    return node;
  }

  template <class Visit>
  static void visit_unshared(const Node& node, const Node* other, int shift, std::size_t first, Visit& visit) {
    if (&node == other) return;
    for (std::size_t i = 0; i < node.values.size(); ++i) visit(first + i);
    for (std::size_t i = 0; i < node.branches.size(); ++i) {
      const Node* counterpart = other == nullptr || i >= other->branches.size() ? nullptr : other->branches[i].get();
      const int below = shift == leaf_bits ? 0 : shift - branch_bits;
      visit_unshared(*node.branches[i].get(), counterpart, below, first + (i << shift), visit);
    }
  }

  Link root_;
  std::size_t size_ = 0;
  int top_shift_ = 0;  // of the index at the root; 0: the root is a leaf
};

}  // namespace squall::raft
