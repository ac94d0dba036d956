// The primitives: what is refused, and where the bytes of files go.
#include <gtest/gtest.h>

#include "protocol/messages/fetch.h"
#include "protocol/messages/metadata.h"
#include "protocol/messages/produce.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace squall::protocol {
namespace {

TEST(Reader, KeepsItsFirstFailureAndStaysStill) {
  const ByteBuffer bytes{0, 1, 2};
  Reader reader{bytes};
  EXPECT_EQ(reader.integer<std::int16_t>(), 1);
  EXPECT_EQ(reader.integer<std::int32_t>(), 0);
  EXPECT_EQ(reader.integer<std::int8_t>(), 0) << "after a failure even what would fit is not read";
  ASSERT_FALSE(reader.result().has_value());
  EXPECT_EQ(reader.result().error().position, 2U);
  EXPECT_EQ(reader.result().error().what, "ends inside a number");
}

TEST(Reader, RefusesAnArrayThatTheBytesCannotHold) {
  const ByteBuffer bytes{0x7F, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4};
  Reader reader{bytes};
  EXPECT_EQ(reader.count(false, false, 4, 4), 0U);
  EXPECT_EQ(reader.result().error().what, "an array of more elements than there are bytes for");
}

TEST(Reader, SharesOneMemoryBudgetAmongAllArrays) {
  ByteBuffer bytes;
  {
    Writer writer{bytes};
    writer.integer<std::int32_t>(10);
    writer.integer<std::int32_t>(10);
    writer.raw(ByteBuffer(20));
  }
  Reader reader{bytes, 1500};
  EXPECT_EQ(reader.count(false, false, 1, 100), 10U);
  EXPECT_EQ(reader.count(false, false, 1, 100), 0U);
  EXPECT_EQ(reader.result().error().what, "arrays of more memory than allowed");
}

TEST(Reader, RefusesNegativeLengthsOtherThanNull) {
  const ByteBuffer bytes{0xFF, 0xFE};
  Reader reader{bytes};
  std::optional<std::string> text;
  reader.string(text, false, true);
  EXPECT_EQ(reader.result().error().what, "a negative length");
}

TEST(Reader, RefusesNullWhereTheVersionHasNone) {
  const ByteBuffer bytes{0xFF, 0xFF};
  Reader reader{bytes};
  std::string text;
  reader.string(text, false);
  EXPECT_EQ(reader.result().error().what, "null where there must be a value");
}

TEST(Reader, RefusesCompactStringsLongerThanOrdinaryOnesCanBe) {
  ByteBuffer bytes;
  {
    Writer writer{bytes};
    writer.unsigned_varint(0x8001);
    writer.raw(ByteBuffer(0x8000, 'x'));
  }
  Reader reader{bytes};
  std::string text;
  reader.string(text, true);
  EXPECT_EQ(reader.result().error().what, "a string of more than 32,767 bytes");
}

TEST(Reader, RefusesATaggedFieldWhoseLengthIsNotThatOfItsValue) {
  // ProduceResponse v10: no responses, no throttling, one tagged field (0: node endpoints) of 2 bytes, of which one is used.
  const ByteBuffer bytes{1, 0, 0, 0, 0, 1, 0, 2, 1, 0};
  Reader reader{bytes};
  ProduceResponse response;
  const DecodeResult result = decode(reader, 10, response);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().what, "a tagged field is longer than its value");
  EXPECT_EQ(result.error().position, 9U);
}

TEST(Reader, SkipsTaggedFieldsThatItDoesNotKnow) {
  const ByteBuffer bytes{1, 0, 0, 0, 7, 2, 5, 3, 'a', 'b', 'c', 9, 0};
  Reader reader{bytes};
  ProduceResponse response;
  ASSERT_TRUE(decode(reader, 10, response).has_value());
  EXPECT_EQ(response.throttle_time_ms, 7);
  EXPECT_EQ(reader.remaining(), 0U);
}

TEST(Reader, GivesRecordsAsAViewOfTheRequest) {
  ProduceRequest request;
  const ByteBuffer batch{1, 2, 3, 4};
  request.topic_data = {{.name = "orders", .topic_id = {}, .partition_data = {{.index = 3, .records = Records::of(batch)}}}};
  ByteBuffer bytes;
  Writer writer{bytes};
  ASSERT_TRUE(encode(writer, 9, request).has_value());
  Reader reader{bytes};
  ProduceRequest read;
  ASSERT_TRUE(decode(reader, 9, read).has_value());
  EXPECT_EQ(read, request);
  const std::uint8_t* data = read.topic_data[0].partition_data[0].records.bytes.data();
  EXPECT_TRUE(data > bytes.data() && data < bytes.data() + bytes.size());
}

TEST(Writer, MakesTheWorkedExampleOfTheSchemaFormat) {
  const ByteBuffer batch{0xAB, 0xCD};
  ProduceRequest request;
  request.acks = -1;
  request.topic_data = {{.name = "orders", .topic_id = {}, .partition_data = {{.index = 0, .records = Records::of(batch)}}}};
  ByteBuffer bytes;
  Writer writer{bytes};
  ASSERT_TRUE(encode(writer, 9, request).has_value());
  EXPECT_EQ(bytes,
            (ByteBuffer{0, 0xFF, 0xFF, 0, 0, 0, 0, 2, 7, 'o', 'r', 'd', 'e', 'r', 's', 2, 0, 0, 0, 0, 3, 0xAB, 0xCD, 0, 0, 0}));
}

TEST(Writer, NotesWhereTheBytesOfFilesBelong) {
  FetchResponse response;
  response.responses.resize(1);
  response.responses[0].topic = "orders";
  response.responses[0].partitions.resize(2);
  response.responses[0].partitions[0].records = Records::external(1000);
  response.responses[0].partitions[1].records = Records::external(5);
  ByteBuffer with_splices{0xEE};
  Writer writer{with_splices};
  ASSERT_TRUE(encode(writer, 12, response).has_value());
  ASSERT_EQ(writer.splices().size(), 2U);
  EXPECT_EQ(writer.external_bytes(), 1005U);

  const ByteBuffer first(1000, 'a');
  const ByteBuffer second(5, 'b');
  response.responses[0].partitions[0].records = Records::of(first);
  response.responses[0].partitions[1].records = Records::of(second);
  ByteBuffer whole{0xEE};
  Writer plain{whole};
  ASSERT_TRUE(encode(plain, 12, response).has_value());
  EXPECT_TRUE(plain.splices().empty());

  ByteBuffer joined;
  std::size_t from = 0;
  for (const Writer::Splice& splice : writer.splices()) {
    joined.insert(joined.end(), with_splices.begin() + static_cast<std::ptrdiff_t>(from),
                  with_splices.begin() + static_cast<std::ptrdiff_t>(splice.position));
    joined.insert(joined.end(), splice.bytes, splice.bytes == 1000 ? 'a' : 'b');
    from = splice.position;
  }
  joined.insert(joined.end(), with_splices.begin() + static_cast<std::ptrdiff_t>(from), with_splices.end());
  EXPECT_EQ(joined, whole);
}

TEST(Writer, TakesBackAMessageThatItCouldNotFinish) {
  FetchRequest request;
  request.topics = {{.topic = "orders", .topic_id = {}, .partitions = {}}};
  request.forgotten_topics_data = {{.topic = "gone", .topic_id = {}, .partitions = {1}}};
  ByteBuffer bytes{1, 2};
  Writer writer{bytes};
  const EncodeResult result = encode(writer, 4, request);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().field, "FetchRequest.forgotten_topics_data");
  EXPECT_EQ(bytes, (ByteBuffer{1, 2}));
  EXPECT_TRUE(encode(writer, 7, request).has_value()) << "the writer can go on with what does fit";
}

TEST(Writer, RefusesNullInAVersionThatHasNone) {
  MetadataRequest everything;
  everything.topics.reset();
  ByteBuffer bytes;
  Writer writer{bytes};
  const EncodeResult result = encode(writer, 0, everything);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().field, "MetadataRequest.topics");
  EXPECT_TRUE(encode(writer, 1, everything).has_value());
  EXPECT_EQ(bytes, (ByteBuffer{0xFF, 0xFF, 0xFF, 0xFF}));
}

TEST(Writer, RefusesStringsThatALengthOf16BitsCannotSay) {
  ProduceRequest request;
  request.transactional_id = std::string(0x8000, 't');
  ByteBuffer bytes;
  Writer writer{bytes};
  for (const std::int16_t version : {std::int16_t{3}, std::int16_t{9}}) {
    const EncodeResult result = encode(writer, version, request);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().field, "ProduceRequest.transactional_id");
  }
}

TEST(Writer, WritesLongTaggedFieldsWithALongLength) {
  ProduceResponse response;
  response.node_endpoints.push_back({.node_id = 1, .host = std::string(200, 'h'), .port = 9092, .rack = {}});
  ByteBuffer bytes;
  Writer writer{bytes};
  ASSERT_TRUE(encode(writer, 10, response).has_value());
  // Count of responses, throttle time, one tagged field, its tag; then 213 = 0xD5 0x01.
  ASSERT_GT(bytes.size(), 213U);
  EXPECT_EQ(bytes[7], 0xD5);
  EXPECT_EQ(bytes[8], 0x01);
  EXPECT_EQ(bytes.size(), 9U + 213U);
  Reader reader{bytes};
  ProduceResponse read;
  ASSERT_TRUE(decode(reader, 10, read).has_value());
  EXPECT_EQ(read, response);
}

}  // namespace
}  // namespace squall::protocol
