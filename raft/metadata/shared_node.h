// A counted reference to a node of a persistent container.
//
// Nodes are shared between versions of a container and never change while shared; a node with one reference only belongs to the
// container that holds it, which may then change it in place. Counting is atomic, because an image may be read by another
// reactor than the one that made it.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace squall::raft {

// `Node` has a member `std::atomic<std::uint32_t> references{1}` and can be copied by `Node::copy_of(const Node&)`.
template <class Node>
class SharedNode {
 public:
  SharedNode() = default;
  // Takes over the reference that a new node is born with.
  explicit SharedNode(Node* fresh) : node_{fresh} {}
  SharedNode(const SharedNode& other) : node_{other.node_} {
    if (node_ != nullptr) node_->references.fetch_add(1, std::memory_order_relaxed);
  }
  SharedNode(SharedNode&& other) noexcept : node_{std::exchange(other.node_, nullptr)} {}
  SharedNode& operator=(SharedNode other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~SharedNode() {
    if (node_ != nullptr && node_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete node_;
  }

  [[nodiscard]] const Node* get() const { return node_; }
  const Node* operator->() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }

  // The node, to be changed: a copy takes its place if another version shares it.
  Node* own() {
    if (node_->references.load(std::memory_order_acquire) != 1) *this = SharedNode{Node::copy_of(*node_)};
    return node_;
  }

 private:
  Node* node_ = nullptr;
};

}  // namespace squall::raft
