// How much the long tests do: less where every step is watched by a sanitizer.
#pragma once

#include <cstdint>

namespace squall::raft::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SQUALL_RAFT_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SQUALL_RAFT_WATCHED 1
#endif
#endif
#ifdef SQUALL_RAFT_WATCHED
inline constexpr bool watched = true;
#else
inline constexpr bool watched = false;
#endif

[[nodiscard]] constexpr int explore_depth(int full) { return watched ? full - 2 : full; }
[[nodiscard]] constexpr std::uint64_t random_steps(std::uint64_t full) { return watched ? full / 10 : full; }

}  // namespace squall::raft::testing
