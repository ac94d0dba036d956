// A request as it comes from a connection: the frame without its size, that is, header and body.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "protocol/message.h"
#include "protocol/messages/headers.h"
#include "protocol/reader.h"

namespace squall::protocol {

// Reads the header of a frame, whose version follows from the key and version at its start, and leaves the reader before the
// body. An unknown key, or one whose version is not known (ApiVersions apart, which is then answered with its version 0), is
// no failure here: only what is the same in every header version is read then, and the rest left.
DecodeResult decode_request_header(Reader& reader, RequestHeader& out);

// Reads the body of any request, and drops it.
DecodeResult decode_request_body(Reader& reader, std::int16_t api_key, std::int16_t version);

// Reads a whole frame, and drops it: whether a broker could make sense of it. Bytes after the body are a failure.
DecodeResult decode_any_request(ByteView frame);

}  // namespace squall::protocol
