#include "protocol/request.h"

#include "protocol/api.h"

namespace squall::protocol {

DecodeResult decode_request_header(Reader& reader, RequestHeader& out) {
  Reader peek{reader.rest()};
  const auto key = peek.integer<std::int16_t>();
  const auto version = peek.integer<std::int16_t>();
  const ApiInfo* api = api_info(key);
  if (!peek.failed() && (api == nullptr || !VersionRange{api->request_min, api->request_max}.contains(version))) {
    // Both header versions begin as version 1 does.
    return decode(reader, 1, out);
  }
  return decode(reader, peek.failed() ? std::int16_t{1} : request_header_version(key, version), out);
}

DecodeResult decode_any_request(ByteView frame) {
  Reader reader{frame};
  RequestHeader header;
  if (DecodeResult read = decode_request_header(reader, header); !read) return read;
  if (DecodeResult read = decode_request_body(reader, header.request_api_key, header.request_api_version); !read) return read;
  if (reader.remaining() > 0) reader.fail("bytes after the request");
  return reader.result();
}

}  // namespace squall::protocol
