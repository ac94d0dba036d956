// 128-bit unsigned arithmetic, where a product or an identifier needs it.
#pragma once

namespace squall {

__extension__ using uint128 = unsigned __int128;

}  // namespace squall
