// What a request and a response cost to write and to read: one topic, one partition, as a producer and a consumer that keep up
// send them.
#include <benchmark/benchmark.h>

#include "protocol/messages/fetch.h"
#include "protocol/messages/metadata.h"
#include "protocol/messages/produce.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace squall::protocol {
namespace {

template <class Message>
void encode_many(benchmark::State& state, std::int16_t version, const Message& message) {
  ByteBuffer bytes;
  for (auto _ : state) {
    bytes.clear();
    Writer writer{bytes};
    benchmark::DoNotOptimize(encode(writer, version, message));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(bytes.size()));
}

template <class Message>
void decode_many(benchmark::State& state, std::int16_t version, const Message& message) {
  ByteBuffer bytes;
  {
    Writer writer{bytes};
    if (!encode(writer, version, message)) return state.SkipWithError("cannot be written");
  }
  for (auto _ : state) {
    Reader reader{bytes};
    Message read;
    benchmark::DoNotOptimize(decode(reader, version, read));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(bytes.size()));
}

ProduceRequest produce_request_of_one_batch() {
  static const ByteBuffer batch(100);
  ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 30'000;
  request.topic_data = {{.name = "orders", .topic_id = {}, .partition_data = {{.index = 0, .records = Records::of(batch)}}}};
  return request;
}

FetchRequest fetch_request_of_one_partition() {
  FetchRequest request;
  request.topics.resize(1);
  request.topics[0].topic_id = Uuid{1, 2};
  request.topics[0].partitions.resize(1);
  return request;
}

FetchResponse fetch_response_of_one_partition() {
  FetchResponse response;
  response.responses.resize(1);
  response.responses[0].topic_id = Uuid{1, 2};
  response.responses[0].partitions.resize(1);
  response.responses[0].partitions[0].records = Records::external(65'536);
  return response;
}

MetadataResponse metadata_of_a_thousand_partitions() {
  MetadataResponse response;
  response.topics.resize(100);
  for (auto& topic : response.topics) {
    topic.name = "a-topic-of-usual-length";
    topic.partitions.resize(10);
    for (auto& partition : topic.partitions) partition.replica_nodes = partition.isr_nodes = {1, 2, 3};
  }
  return response;
}

BENCHMARK_CAPTURE(encode_many, produce_request, std::int16_t{9}, produce_request_of_one_batch());
BENCHMARK_CAPTURE(decode_many, produce_request, std::int16_t{9}, produce_request_of_one_batch());
BENCHMARK_CAPTURE(encode_many, fetch_request, std::int16_t{13}, fetch_request_of_one_partition());
BENCHMARK_CAPTURE(decode_many, fetch_request, std::int16_t{13}, fetch_request_of_one_partition());
BENCHMARK_CAPTURE(encode_many, fetch_response, std::int16_t{13}, fetch_response_of_one_partition());
BENCHMARK_CAPTURE(encode_many, metadata_response, std::int16_t{12}, metadata_of_a_thousand_partitions());
BENCHMARK_CAPTURE(decode_many, metadata_response, std::int16_t{12}, metadata_of_a_thousand_partitions());

}  // namespace
}  // namespace squall::protocol

BENCHMARK_MAIN();
