// A queue in one piece of memory, for what is there in great numbers and mostly empty: an empty one owns no memory (a
// std::deque of libstdc++ owns 576 bytes). Random access; taking from the front costs O(1) on average. Any change invalidates
// iterators.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace squall {

template <class T>
class Fifo {
 public:
  using iterator = typename std::vector<T>::iterator;
  using const_iterator = typename std::vector<T>::const_iterator;

  [[nodiscard]] bool empty() const { return taken_ == items_.size(); }
  [[nodiscard]] std::size_t size() const { return items_.size() - taken_; }
  [[nodiscard]] iterator begin() { return items_.begin() + static_cast<std::ptrdiff_t>(taken_); }
  [[nodiscard]] iterator end() { return items_.end(); }
  [[nodiscard]] const_iterator begin() const { return items_.begin() + static_cast<std::ptrdiff_t>(taken_); }
  [[nodiscard]] const_iterator end() const { return items_.end(); }
  [[nodiscard]] T& operator[](std::size_t index) { return items_[taken_ + index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const { return items_[taken_ + index]; }
  [[nodiscard]] T& front() { return at_end(items_[taken_]); }
  [[nodiscard]] const T& front() const { return at_end(items_[taken_]); }
  [[nodiscard]] T& back() { return at_end(items_.back()); }
  [[nodiscard]] const T& back() const { return at_end(items_.back()); }

  void push_back(T item) { items_.push_back(std::move(item)); }
  void insert(iterator at, T item) { items_.insert(at, std::move(item)); }
  void erase(iterator at) { items_.erase(at); }
  void pop_front() {
    [[maybe_unused]] const T dropped = std::move(front());
    ++taken_;
    // As many moves as there were takings.
    if (taken_ == items_.size()) {
      clear();
    } else if (2 * taken_ > items_.size()) {
      items_.erase(items_.begin(), begin());
      taken_ = 0;
    }
  }
  void clear() {
    items_.clear();
    taken_ = 0;
  }

 private:
  template <class Item>
  Item& at_end(Item& item) const {
    SQUALL_ASSERT(!empty(), "only what is there is taken");
    return item;
  }

  std::vector<T> items_;
  std::size_t taken_ = 0;  // from the front of `items_`, not erased yet
};

}  // namespace squall
