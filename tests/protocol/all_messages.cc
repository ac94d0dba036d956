#include <algorithm>

#include "tests/protocol/any_message.h"

namespace squall::protocol {

void add_messages_0(std::vector<MessageKind>& kinds);
void add_messages_1(std::vector<MessageKind>& kinds);
void add_messages_2(std::vector<MessageKind>& kinds);
void add_messages_3(std::vector<MessageKind>& kinds);

const std::vector<MessageKind>& all_messages() {
  static const std::vector<MessageKind> all = [] {
    std::vector<MessageKind> kinds;
    add_messages_0(kinds);
    add_messages_1(kinds);
    add_messages_2(kinds);
    add_messages_3(kinds);
    std::ranges::sort(kinds, {}, &MessageKind::name);
    return kinds;
  }();
  return all;
}

}  // namespace squall::protocol
