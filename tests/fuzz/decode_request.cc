// Any bytes as a request frame: header and body of whatever API and version they claim. Decoding must stay within the bytes
// and within the memory that they justify.
#include "protocol/request.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)squall::protocol::decode_any_request({data, size});
  return 0;
}
