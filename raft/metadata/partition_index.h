// Which partitions a broker leads, is in sync with, or may lead: what a failing broker's partitions are found by.
//
// One bit a partition, in words of 64 that are keyed by (role, broker, topic, word): a broker's partitions are walked in the
// order of topic ids and partition numbers, without looking at anybody else's. Versions share what they have in common.
//
// Invariant: a word that is stored is not zero.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <limits>

#include "base/types.h"
#include "base/uuid.h"
#include "raft/metadata/persistent_map.h"

namespace squall::raft {

struct PartitionKey {
  Uuid topic;
  std::int32_t partition = 0;

  constexpr auto operator<=>(const PartitionKey&) const = default;
};

enum class PartitionRole : std::uint8_t {
  leads = 0,     // of broker `no_node`: the partitions that nobody leads
  in_sync = 1,   // member of the ISR
  eligible = 2,  // eligible leader replica (KIP-966)
};

class PartitionIndex {
 public:
  void add(PartitionRole role, NodeId broker, PartitionKey key) {
    words_.change(word_of(role, broker, key)) |= bit_of(key.partition);
  }
  void remove(PartitionRole role, NodeId broker, PartitionKey key) {
    const Word word = word_of(role, broker, key);
    const std::uint64_t* held = words_.get(word);
    if (held == nullptr || (*held & bit_of(key.partition)) == 0) return;
    if (*held == bit_of(key.partition)) {
      words_.erase(word);
    } else {
      words_.change(word) &= ~bit_of(key.partition);
    }
  }

  [[nodiscard]] bool any(PartitionRole role, NodeId broker) const {
    const auto at = words_.lower_bound(first_of(role, broker));
    return at != words_.end() && at->first.role == role && at->first.broker == broker;
  }
  [[nodiscard]] bool contains(PartitionRole role, NodeId broker, PartitionKey key) const {
    const std::uint64_t* held = words_.get(word_of(role, broker, key));
    return held != nullptr && (*held & bit_of(key.partition)) != 0;
  }
  [[nodiscard]] std::size_t count(PartitionRole role, NodeId broker) const {
    std::size_t total = 0;
    walk(role, broker, [&](const Word&, std::uint64_t bits) { total += static_cast<std::size_t>(std::popcount(bits)); });
    return total;
  }
  // Calls `visit(PartitionKey)` in order. The index is not to be changed meanwhile; a copy of it may be walked instead.
  template <class Visit>
  void for_each(PartitionRole role, NodeId broker, Visit visit) const {
    walk(role, broker, [&](const Word& word, std::uint64_t bits) {
      for (; bits != 0; bits &= bits - 1) {
        visit(PartitionKey{word.topic, word.number * 64 + static_cast<std::int32_t>(std::countr_zero(bits))});
      }
    });
  }

  [[nodiscard]] bool operator==(const PartitionIndex&) const = default;

 private:
  struct Word {
    PartitionRole role{};
    NodeId broker;
    Uuid topic;
    std::int32_t number = 0;

    constexpr auto operator<=>(const Word&) const = default;
  };

  static Word first_of(PartitionRole role, NodeId broker) { return {role, broker, Uuid{}, 0}; }
  static Word word_of(PartitionRole role, NodeId broker, PartitionKey key) {
    return {role, broker, key.topic, key.partition / 64};
  }
  static std::uint64_t bit_of(std::int32_t partition) { return std::uint64_t{1} << (partition % 64); }

  template <class Visit>
  void walk(PartitionRole role, NodeId broker, Visit visit) const {
    for (auto at = words_.lower_bound(first_of(role, broker)); at != words_.end(); ++at) {
      if (at->first.role != role || at->first.broker != broker) return;
      visit(at->first, at->second);
    }
  }

  PersistentMap<Word, std::uint64_t> words_;
};

}  // namespace squall::raft
