#include "base/fifo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>

#include "base/random.h"

namespace squall {
namespace {

TEST(Fifo, DoesWhatADequeDoes) {
  Random random{7};
  Fifo<int> fifo;
  std::deque<int> deque;
  for (int step = 0; step < 5'000; ++step) {
    const std::uint64_t what = random.below(100);
    const auto place = static_cast<std::ptrdiff_t>(deque.empty() ? 0 : random.below(deque.size()));
    if (what < 48 || deque.empty()) {
      fifo.push_back(step);
      deque.push_back(step);
    } else if (what < 90) {
      fifo.pop_front();
      deque.pop_front();
    } else if (what < 94) {
      fifo.insert(fifo.begin() + place, step);
      deque.insert(deque.begin() + place, step);
    } else if (what < 99) {
      fifo.erase(fifo.begin() + place);
      deque.erase(deque.begin() + place);
    } else if (what == 99 && step % 7 == 0) {
      fifo.clear();
      deque.clear();
    }
    ASSERT_EQ(fifo.empty(), deque.empty());
    ASSERT_TRUE(std::ranges::equal(fifo, deque));
    if (deque.empty()) continue;
    EXPECT_EQ(fifo.front(), deque.front());
    EXPECT_EQ(fifo.back(), deque.back());
    EXPECT_EQ(fifo[deque.size() / 2], deque[deque.size() / 2]);
  }
}

TEST(Fifo, WhatIsTakenIsLetGoAtOnce) {
  Fifo<std::shared_ptr<int>> fifo;
  const auto value = std::make_shared<int>(1);
  for (int i = 0; i < 3; ++i) fifo.push_back(value);
  EXPECT_EQ(value.use_count(), 4);
  fifo.pop_front();
  EXPECT_EQ(value.use_count(), 3);
}

}  // namespace
}  // namespace squall
