// The table of APIs, request headers, and error codes.
#include "protocol/api.h"

#include <gtest/gtest.h>

#include "protocol/error_code.h"
#include "protocol/messages/api_versions.h"
#include "protocol/messages/produce.h"
#include "protocol/request.h"
#include "protocol/writer.h"

namespace squall::protocol {
namespace {

ByteBuffer request_frame(std::int16_t header_version, const RequestHeader& header, const auto& body) {
  ByteBuffer frame;
  Writer writer{frame};
  EXPECT_TRUE(encode(writer, header_version, header).has_value());
  EXPECT_TRUE(encode(writer, header.request_api_version, body).has_value());
  return frame;
}

TEST(Api, KnowsTheVersionsOfKafka42) {
  EXPECT_EQ(api_info(ApiKey::produce).served(), (VersionRange{3, 13}));
  EXPECT_EQ(api_info(ApiKey::fetch).served(), (VersionRange{4, 18}));
  EXPECT_EQ(api_info(ApiKey::join_group).served(), (VersionRange{0, 9}));
  EXPECT_EQ(api_info(ApiKey::describe_log_dirs).served(), (VersionRange{1, 4}));
  EXPECT_EQ(all_apis().size(), 93U);
  EXPECT_EQ(api_info(93), nullptr);
  EXPECT_EQ(api_info(-1), nullptr);
}

TEST(Api, DoesNotServeAVersionUnderDevelopment) {
  EXPECT_EQ(api_info(ApiKey::init_producer_id).request_max, 6);
  EXPECT_EQ(api_info(ApiKey::init_producer_id).served(), (VersionRange{0, 5}));
}

TEST(Api, ClaimsProduceFromZeroOnBrokersOnly) {
  const ApiInfo& produce = api_info(ApiKey::produce);
  EXPECT_EQ(advertised(produce, ListenerKind::broker), (VersionRange{0, 13}));
  EXPECT_EQ(produce.served().min, 3);
  EXPECT_EQ(advertised(api_info(ApiKey::fetch), ListenerKind::broker), (VersionRange{4, 18}));
}

TEST(Api, KnowsWhichListenerServesWhat) {
  EXPECT_TRUE(api_info(ApiKey::fetch).on(ListenerKind::controller));
  EXPECT_FALSE(api_info(ApiKey::produce).on(ListenerKind::controller));
  EXPECT_FALSE(api_info(ApiKey::vote).on(ListenerKind::broker));
  EXPECT_TRUE(api_info(ApiKey::update_metadata).on(ListenerKind::zookeeper_broker));
  EXPECT_FALSE(api_info(ApiKey::update_metadata).on(ListenerKind::broker));
}

TEST(Api, ChoosesHeaderVersionsByFlexibility) {
  EXPECT_EQ(request_header_version(ApiKey::produce, 8), 1);
  EXPECT_EQ(request_header_version(ApiKey::produce, 9), 2);
  EXPECT_EQ(response_header_version(ApiKey::produce, 8), 0);
  EXPECT_EQ(response_header_version(ApiKey::produce, 9), 1);
  EXPECT_EQ(request_header_version(ApiKey::sasl_handshake, 1), 1);
  EXPECT_EQ(request_header_version(ApiKey::api_versions, 3), 2);
  for (std::int16_t version = 0; version <= 4; ++version) {
    EXPECT_EQ(response_header_version(ApiKey::api_versions, version), 0) << "the client does not know our versions yet";
  }
}

TEST(Request, ReadsAFlexibleHeaderWithItsInflexibleClientId) {
  // ApiVersions v3, correlation 7, client "rdkafka" as librdkafka 2 sends it.
  const ByteBuffer frame{0,  18,  0,   3,   0,   0,   0,   7,   0,   7,   'r', 'd', 'k', 'a', 'f', 'k', 'a', 0,
                         11, 'l', 'i', 'b', 'r', 'd', 'k', 'a', 'f', 'k', 'a', 6,   '2', '.', '0', '.', '2', 0};
  Reader reader{frame};
  RequestHeader header;
  ASSERT_TRUE(decode_request_header(reader, header).has_value());
  EXPECT_EQ(header.request_api_key, 18);
  EXPECT_EQ(header.request_api_version, 3);
  EXPECT_EQ(header.correlation_id, 7);
  EXPECT_EQ(header.client_id, "rdkafka");
  ApiVersionsRequest body;
  ASSERT_TRUE(decode(reader, 3, body).has_value());
  EXPECT_EQ(body.client_software_name, "librdkafka");
  EXPECT_EQ(body.client_software_version, "2.0.2");
  EXPECT_TRUE(decode_any_request(frame).has_value());
}

TEST(Request, ReadsTheHeaderOfAVersionThatItDoesNotKnow) {
  const ByteBuffer frame{0, 18, 0, 99, 0, 0, 0, 7, 0, 1, 'x', 0, 1, 2, 3};
  Reader reader{frame};
  RequestHeader header;
  ASSERT_TRUE(decode_request_header(reader, header).has_value());
  EXPECT_EQ(header.correlation_id, 7) << "so that UNSUPPORTED_VERSION can be answered";
  EXPECT_FALSE(decode_any_request(frame).has_value());
}

TEST(Request, IsRefusedWithBytesToSpare) {
  ByteBuffer frame = request_frame(2, {.request_api_key = 0, .request_api_version = 9, .correlation_id = 1, .client_id = "c"},
                                   ProduceRequest{});
  EXPECT_TRUE(decode_any_request(frame).has_value());
  frame.push_back(0);
  const DecodeResult result = decode_any_request(frame);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().what, "bytes after the request");
  EXPECT_EQ(result.error().position, frame.size() - 1);
}

TEST(Request, OfAnUnknownApiIsRefused) {
  const ByteBuffer frame{0x7F, 0xFF, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF};
  EXPECT_FALSE(decode_any_request(frame).has_value());
  EXPECT_FALSE(decode_any_request({}).has_value());
}

TEST(ErrorCode, HasKafkasNamesAndCodes) {
  EXPECT_EQ(to_wire(ErrorCode::not_leader_or_follower), 6);
  EXPECT_EQ(to_string(ErrorCode::not_leader_or_follower), "NOT_LEADER_OR_FOLLOWER");
  EXPECT_TRUE(is_retriable(ErrorCode::not_leader_or_follower));
  EXPECT_FALSE(is_retriable(ErrorCode::message_too_large));
  EXPECT_EQ(to_wire(ErrorCode::unknown_topic_id), 100);
  EXPECT_EQ(to_wire(ErrorCode::rebootstrap_required), 129);
  EXPECT_EQ(error_from_wire(133), ErrorCode::share_session_limit_reached);
  EXPECT_EQ(error_from_wire(134), ErrorCode::unknown_server_error);
  EXPECT_EQ(error_from_wire(-1), ErrorCode::unknown_server_error);
  EXPECT_TRUE(message(ErrorCode::none).empty());
}

}  // namespace
}  // namespace squall::protocol
