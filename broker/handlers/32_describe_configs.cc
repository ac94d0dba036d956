// DescribeConfigs: what holds for a topic or for this broker, where it comes from, and what it means.
#include <algorithm>
#include <charconv>

#include "base/quote.h"
#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "protocol/messages/describe_configs.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using Resource = protocol::DescribeConfigsRequest::DescribeConfigsResource;
using Result = protocol::DescribeConfigsResponse::DescribeConfigsResult;
using Entry = protocol::DescribeConfigsResponse::DescribeConfigsResourceResult;

bool is_wanted(const Resource& resource, std::string_view name) {
  return !resource.configuration_keys || resource.configuration_keys->empty() ||
         std::ranges::find(*resource.configuration_keys, name) != resource.configuration_keys->end();
}

void fill(Entry& entry, const ConfigKey& key, std::optional<std::string> value, ConfigOrigin origin, bool document) {
  entry.name = key.name;
  entry.value = std::move(value);
  entry.config_source = static_cast<std::int8_t>(origin);
  entry.config_type = static_cast<std::int8_t>(key.type);
  entry.documentation = std::nullopt;
  if (document) entry.documentation = std::string{key.doc};
}

void add_synonym(Entry& entry, std::string_view name, std::optional<std::string> value, ConfigOrigin origin) {
  auto& synonym = entry.synonyms.emplace_back();
  synonym.name = name;
  synonym.value = std::move(value);
  synonym.source = static_cast<std::int8_t>(origin);
}

void describe_topic(const BrokerState& broker, const Resource& resource, const protocol::DescribeConfigsRequest& request,
                    Result& result) {
  const auto image = broker.image();
  const ConfigValues& set = image->config_of(ConfigResource::topic, resource.resource_name);
  const ConfigValues& cluster = image->config_of(ConfigResource::broker, "");
  for (const TopicConfigKey& row : topic_config_keys()) {
    if (!is_wanted(resource, row.key.name)) continue;
    EffectiveValue value = effective_value(row, set, broker.config, cluster);
    Entry& entry = result.configs.emplace_back();
    if (request.include_synonyms) {
      if (value.origin == ConfigOrigin::topic) add_synonym(entry, row.key.name, value.value, ConfigOrigin::topic);
      if (const auto at = cluster.find(row.key.name); at != cluster.end()) {
        add_synonym(entry, row.key.name, at->second, ConfigOrigin::dynamic_default);
      }
      for (const Synonym& synonym : row.synonyms) {
        if (synonym.broker_key.empty()) break;
        const bool given = broker.config.given().contains(synonym.broker_key);
        if (given || broker.config.text(synonym.broker_key)) {
          add_synonym(entry, synonym.broker_key, broker.config.text(synonym.broker_key),
                      given ? ConfigOrigin::static_broker : ConfigOrigin::fallback);
        }
      }
    }
    fill(entry, row.key, std::move(value.value), value.origin, request.include_documentation);
  }
}

void describe_broker(const BrokerState& broker, const Resource& resource, const protocol::DescribeConfigsRequest& request,
                     Result& result) {
  for (const ConfigKey& key : broker_config_keys()) {
    if (!is_wanted(resource, key.name)) continue;
    const bool given = broker.config.given().contains(key.name);
    const ConfigOrigin origin = given ? ConfigOrigin::static_broker : ConfigOrigin::fallback;
    Entry& entry = result.configs.emplace_back();
    if (request.include_synonyms) add_synonym(entry, key.name, broker.config.text(key.name), origin);
    fill(entry, key, broker.config.text(key.name), origin, request.include_documentation);
    entry.read_only = true;
  }
}

// What is set while brokers run: for this broker (`own`), or by default for all.
void describe_dynamic(const BrokerState& broker, const Resource& resource, const protocol::DescribeConfigsRequest& request,
                      bool own, Result& result) {
  const auto image = broker.image();
  const ConfigValues& cluster = image->config_of(ConfigResource::broker, "");
  const ConfigValues none;
  const ConfigValues& set = own ? image->config_of(ConfigResource::broker, resource.resource_name) : none;
  for (const ConfigKey& key : dynamic_broker_config_keys()) {
    if (!is_wanted(resource, key.name)) continue;
    const auto mine = set.find(key.name);
    const auto all = cluster.find(key.name);
    if (!own && all == cluster.end()) continue;
    Entry& entry = result.configs.emplace_back();
    std::string value{*key.default_value};
    auto origin = ConfigOrigin::fallback;
    if (request.include_synonyms && mine != set.end()) {
      add_synonym(entry, key.name, mine->second, ConfigOrigin::dynamic_broker);
    }
    if (request.include_synonyms && all != cluster.end()) {
      add_synonym(entry, key.name, all->second, ConfigOrigin::dynamic_default);
    }
    if (request.include_synonyms && own) add_synonym(entry, key.name, value, ConfigOrigin::fallback);
    if (mine != set.end()) {
      value = mine->second;
      origin = ConfigOrigin::dynamic_broker;
    } else if (all != cluster.end()) {
      value = all->second;
      origin = ConfigOrigin::dynamic_default;
    }
    fill(entry, key, std::move(value), origin, request.include_documentation);
  }
}

void refuse(Result& result, ErrorCode code, std::string message) {
  result.error_code = wire(code);
  result.error_message = std::move(message);
}

void describe(const BrokerState& broker, const Resource& resource, const protocol::DescribeConfigsRequest& request,
              Result& result) {
  switch (static_cast<ConfigResource>(resource.resource_type)) {
    case ConfigResource::topic:
      if (raft::check_topic_name(resource.resource_name)) {
        return refuse(result, ErrorCode::invalid_topic_exception, "The topic name is invalid.");
      }
      if (broker.image()->find(resource.resource_name) == nullptr) {
        return refuse(result, ErrorCode::unknown_topic_or_partition, "The topic does not exist.");
      }
      return describe_topic(broker, resource, request, result);
    case ConfigResource::broker:
      if (!resource.resource_name.empty() && resource.resource_name != std::to_string(broker.config.node_id.value())) {
        return refuse(result, ErrorCode::invalid_request,
                      "Unexpected broker id, expected " + std::to_string(broker.config.node_id.value()) + ", but received " +
                          quote(resource.resource_name));
      }
      // Without a name: the defaults of all brokers.
      if (!resource.resource_name.empty()) describe_broker(broker, resource, request, result);
      describe_dynamic(broker, resource, request, !resource.resource_name.empty(), result);
      return;
    case ConfigResource::client_metrics:
    case ConfigResource::group: break;
  }
  refuse(result, ErrorCode::invalid_request, "Unsupported resource type.");
}

Disposition handle(RequestContext& context) {
  protocol::DescribeConfigsRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  protocol::DescribeConfigsResponse response;
  for (const Resource& resource : request.resources) {
    Result& result = response.results.emplace_back();
    result.error_message = std::nullopt;
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    describe(context.broker, resource, request, result);
    context.broker.metrics.error(result.error_code);
  }
  return context.answer(response);
}

}  // namespace

const ApiHandler describe_configs_handler{.key = 32, .min = 1, .max = 4, .advertised_min = 1, .handle = &handle};

}  // namespace squall::broker
