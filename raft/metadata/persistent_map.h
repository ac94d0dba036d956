// An ordered map whose copies are free: versions share what they have in common.
//
// Copying costs one counted reference; a change costs O(log n) time and new nodes, and leaves every other version as it was. A
// change of a version that shares nothing happens in place. Keys are walked in order, so that walking may have effects.
// An AVL tree with path copying (Adelson-Velsky and Landis 1962; Driscoll et al. 1989).
//
// Values are copied together with the nodes on a path: keep them small, or share what they hold.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "raft/metadata/shared_node.h"

namespace squall::raft {

struct Nothing {
  constexpr bool operator==(const Nothing&) const = default;
};

template <class Key, class Value>
class PersistentMap {
  struct Node;
  using Link = SharedNode<Node>;

 public:
  using value_type = std::pair<Key, Value>;

  class const_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = PersistentMap::value_type;
    using difference_type = std::ptrdiff_t;
    using reference = const value_type&;
    using pointer = const value_type*;

    const_iterator() = default;
    reference operator*() const { return path_[depth_ - 1]->entry; }
    pointer operator->() const { return &path_[depth_ - 1]->entry; }
    const_iterator& operator++() {
      const Node* right = path_[--depth_]->right.get();
      descend_left(right);
      return *this;
    }
    const_iterator operator++(int) {
      const_iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const const_iterator& other) const {
      if (depth_ == 0 || other.depth_ == 0) return depth_ == other.depth_;
      return path_[depth_ - 1] == other.path_[other.depth_ - 1];
    }

   private:
    friend PersistentMap;
    // An AVL tree of 2^32 entries is no higher.
    static constexpr std::size_t height_max = 47;

    void push(const Node* node) {
      SQUALL_ASSERT(depth_ < height_max, "the tree is balanced");
      path_[depth_++] = node;
    }
    void descend_left(const Node* node) {
      for (; node != nullptr; node = node->left.get()) push(node);
    }

    // The nodes from the root whose entries are yet to come, the current one last.
    std::array<const Node*, height_max> path_;
    std::size_t depth_ = 0;
  };

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const_iterator begin() const {
    const_iterator at;
    at.descend_left(root_.get());
    return at;
  }
  [[nodiscard]] const_iterator end() const { return {}; }

  // The first entry that is not less than `key`.
  template <class Sought>
  [[nodiscard]] const_iterator lower_bound(const Sought& key) const {
    const_iterator at;
    for (const Node* node = root_.get(); node != nullptr;) {
      if (node->entry.first < key) {
        node = node->right.get();
      } else {
        at.push(node);
        node = node->left.get();
      }
    }
    return at;
  }
  template <class Sought>
  [[nodiscard]] const_iterator find(const Sought& key) const {
    const_iterator at = lower_bound(key);
    return at == end() || key < at->first ? end() : at;
  }
  // Null if there is none.
  template <class Sought>
  [[nodiscard]] const Value* get(const Sought& key) const {
    for (const Node* node = root_.get(); node != nullptr;) {
      if (key < node->entry.first) {
        node = node->left.get();
      } else if (node->entry.first < key) {
        node = node->right.get();
      } else {
        return &node->entry.second;
      }
    }
    return nullptr;
  }
  template <class Sought>
  [[nodiscard]] bool contains(const Sought& key) const {
    return get(key) != nullptr;
  }

  void set(const Key& key, Value value) { change(key) = std::move(value); }
  // The value of `key`, to be changed at once, before anything else happens to the map; made if there is none.
  [[nodiscard]] Value& change(const Key& key) {
    Value* value = nullptr;
    insert(root_, key, value);
    return *value;
  }
  // False if there was none.
  template <class Sought>
  bool erase(const Sought& key) {
    if (!contains(key)) return false;
    remove(root_, key);
    --size_;
    return true;
  }

  // True only if both are the same version: no entry is looked at.
  [[nodiscard]] bool is_same_version(const PersistentMap& other) const { return root_.get() == other.root_.get(); }
  [[nodiscard]] bool operator==(const PersistentMap& other) const {
    return is_same_version(other) || (size_ == other.size_ && std::equal(begin(), end(), other.begin()));
  }

  // Orders, heights and the count hold. For tests: O(n).
  [[nodiscard]] bool is_sound() const {
    std::size_t count = 0;
    return sound(root_, count) >= 0 && count == size_ &&
           std::is_sorted(begin(), end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  }

 private:
  struct Node {
    std::atomic<std::uint32_t> references{1};
    std::int32_t height = 1;
    Link left;
    Link right;
    value_type entry;

    explicit Node(const Key& key) : entry{key, Value{}} {}
    Node(const Node& other) : height{other.height}, left{other.left}, right{other.right}, entry{other.entry} {}
    static Node* copy_of(const Node& other) { return new Node{other}; }
  };

  static std::int32_t height(const Link& link) { return link ? link->height : 0; }
  static void measure(Node* node) { node->height = 1 + std::max(height(node->left), height(node->right)); }

  static void rotate_right(Link& link) {
    Node* top = link.own();
    Link left = std::move(top->left);
    Node* risen = left.own();
    top->left = std::move(risen->right);
    measure(top);
    risen->right = std::move(link);
    measure(risen);
    link = std::move(left);
  }
  static void rotate_left(Link& link) {
    Node* top = link.own();
    Link right = std::move(top->right);
    Node* risen = right.own();
    top->right = std::move(risen->left);
    measure(top);
    risen->left = std::move(link);
    measure(risen);
    link = std::move(right);
  }
  // `link` is owned, and its sides differ by two at most.
  static void balance(Link& link) {
    Node* node = link.own();
    const std::int32_t lean = height(node->left) - height(node->right);
    if (lean > 1) {
      if (height(node->left->left) < height(node->left->right)) rotate_left(node->left);
      rotate_right(link);
    } else if (lean < -1) {
      if (height(node->right->right) < height(node->right->left)) rotate_right(node->right);
      rotate_left(link);
    } else {
      measure(node);
    }
  }

  void insert(Link& link, const Key& key, Value*& value) {
    if (!link) {
      link = Link{new Node{key}};
      ++size_;
      value = &link.own()->entry.second;
      return;
    }
    Node* node = link.own();
    if (key < node->entry.first) {
      insert(node->left, key, value);
      balance(link);
    } else if (node->entry.first < key) {
      insert(node->right, key, value);
      balance(link);
    } else {
      value = &node->entry.second;
    }
  }

  // Takes the least entry of `link` away into `least`.
  static void take_least(Link& link, value_type& least) {
    Node* node = link.own();
    if (!node->left) {
      least = std::move(node->entry);
      link = Link{node->right};
      return;
    }
    take_least(node->left, least);
    balance(link);
  }

  template <class Sought>
  static void remove(Link& link, const Sought& key) {
    Node* node = link.own();
    if (key < node->entry.first) {
      remove(node->left, key);
    } else if (node->entry.first < key) {
      remove(node->right, key);
    } else if (!node->left) {
      link = Link{node->right};
      return;
    } else if (!node->right) {
      link = Link{node->left};
      return;
    } else {
      take_least(node->right, node->entry);
    }
    balance(link);
  }

  // The height, or -1 if anything below is wrong.
  static std::int32_t sound(const Link& link, std::size_t& count) {
    if (!link) return 0;
    ++count;
    const std::int32_t left = sound(link->left, count);
    const std::int32_t right = sound(link->right, count);
    if (left < 0 || right < 0 || left - right > 1 || right - left > 1) return -1;
    return link->height == 1 + std::max(left, right) ? link->height : -1;
  }

  Link root_;
  std::size_t size_ = 0;
};

template <class Key>
using PersistentSet = PersistentMap<Key, Nothing>;

}  // namespace squall::raft
