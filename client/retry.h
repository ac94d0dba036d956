// One request, sent again while its failure may pass: for the clients of this folder.
#pragma once

#include <cstdint>
#include <utility>

#include "client/cluster.h"
#include "client/error.h"

namespace squall::client {

// `connect()` gives the connection for the next attempt; `code_of(response)` what its answer says as a whole. May wait. An
// answer whose code will not pass is returned: the caller looks at it. After the deadline, the last failure.
template <class Request, class Connect, class CodeOf>
[[nodiscard]] Result<typename Api<Request>::Response> call_until_answered(Cluster& cluster, const Request& request,
                                                                          Connect&& connect, CodeOf&& code_of,
                                                                          Instant deadline) {
  for (std::uint32_t attempts = 1;; ++attempts) {
    Error last;
    if (Result<std::shared_ptr<Connection>> connection = connect()) {
      auto response = (*connection)->call(request, deadline);
      if (response) {
        const protocol::ErrorCode code = code_of(*response);
        if (code == protocol::ErrorCode{} || !is_retriable(code)) return response;
        last = refused_with(code);
      } else {
        last = response.error();
      }
    } else {
      last = connection.error();
    }
    if (!is_retriable(last)) return std::unexpected{last};
    cluster.invalidate();
    if (!cluster.wait_before_retry(attempts, deadline)) return std::unexpected{last};
    (void)cluster.refresh_if_needed(deadline);
  }
}

}  // namespace squall::client
