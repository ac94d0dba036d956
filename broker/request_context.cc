#include "broker/request_context.h"

#include "base/assert.h"
#include "broker/broker_state.h"

namespace squall::broker {

MutableBytes RequestContext::writable(ByteView view) const {
  if (view.empty()) return {};
  SQUALL_ASSERT(view.data() >= frame.data() && view.data() + view.size() <= frame.data() + frame.size(),
                "records of a request lie in its frame");
  return frame.subspan(static_cast<std::size_t>(view.data() - frame.data()), view.size());
}

void RequestContext::note_unencodable(std::string_view field, std::string_view what) {
  broker.world.emit(runtime::EventName::request_rejected,
                    {{"api", api_key}, {"version", version}, {"field", field}, {"reason", what}});
}

}  // namespace squall::broker
