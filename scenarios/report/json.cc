#include "scenarios/report/json.h"

#include <cmath>

#include "scenarios/report/report.h"

namespace squall::scenarios {
namespace {

void write_checks(JsonWriter& json, const RunResult& result) {
  json.key("checks").begin_array();
  for (const CheckResult& check : result.checks) {
    json.begin_object().member("name", check.name).member("compared", check.compared);
    json.member("violations", check.violations).end_object();
  }
  json.end_array();
}

void write_findings(JsonWriter& json, const RunResult& result) {
  json.key("findings").begin_array();
  for (const Finding& finding : result.findings) {
    json.begin_object().member("check", finding.check).member("what", finding.what);
    json.key("at_s").seconds(finding.at.time_since_epoch().count()).end_object();
  }
  json.end_array();
  json.key("gates").begin_array();
  for (const std::string& gate : result.gates) json.value(gate);
  json.end_array();
}

void write_counts(JsonWriter& json, const RunResult& result) {
  const Tally& tally = result.tally;
  json.key("counts").begin_object();
  json.member("records_sent", tally.records_sent).member("records_acked", tally.records_acked);
  json.member("records_failed", tally.records_failed).member("records_read", tally.records_read);
  json.member("records_swept", tally.records_swept).member("records_excused", tally.records_excused);
  json.member("batches_acked", tally.batches_acked).member("operations", tally.operations);
  json.member("client_errors", tally.client_errors).member("corruption_detected", tally.corruption_detected);
  json.member("faults_injected", result.faults.size()).member("faults_that_hit", result.faults_that_hit);
  json.end_object();
}

void write_faults(JsonWriter& json, const RunResult& result) {
  json.key("faults").begin_array();
  for (const sim::FaultEntry& fault : result.faults) {
    json.begin_object().member("kind", fault.kind).member("target", fault.target);
    json.key("at_s").seconds(fault.injected_at.time_since_epoch().count());
    json.member("effects", fault.effects).end_object();
  }
  json.end_array();
}

void write_times(JsonWriter& json, const RunResult& result) {
  json.key("latency").begin_object();
  json.key("mean_s").seconds(result.mean_latency.count());
  json.key("longest_s").seconds(result.longest_latency.count());
  json.key("unavailable_s").seconds(result.longest_gap.count());
  json.key("failover_s").seconds(result.longest_failover.count());
  json.key("available_after_heal_s").seconds(result.available_after_heal.count());
  json.end_object();
}

}  // namespace

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

std::string json_report(const Scenario& scenario, const RunResult& result, const ReportOptions& options) {
  JsonWriter json;
  json.begin_object();
  json.member("verdict", to_string(result.verdict)).member("id", result.id).member("scenario", scenario.name);
  json.member("title", scenario.title).member("seed", result.seed).member("trace", result.trace);
  json.key("virtual_s").seconds(result.virtual_time.count());
  json.key("wall_s").seconds(std::llround(options.wall_seconds * 1e9));
  json.member("events", result.events).member("crossings", result.crossings);
  write_findings(json, result);
  write_checks(json, result);
  write_counts(json, result);
  write_faults(json, result);
  write_times(json, result);
  json.key("product_events").begin_object();
  for (const auto& [name, count] : result.event_counts) json.member(name, count);
  json.end_object().end_object();
  return json.text() + "\n";
}

std::string trace_report(const RunResult& result) {
  JsonWriter json;
  json.begin_object().member("displayTimeUnit", "ms").key("traceEvents").begin_array();
  const auto us = [](std::int64_t nanoseconds) { return nanoseconds / 1'000; };
  const std::size_t faults_track = result.nodes.size();
  for (std::size_t node = 0; node <= faults_track; ++node) {
    json.begin_object().member("ph", "M").member("name", "process_name").member("pid", node);
    json.key("args").begin_object().member("name", node == faults_track ? std::string{"faults"} : result.nodes[node]);
    json.end_object().end_object();
  }
  std::size_t row = 0;
  for (const TimelineEntry& entry : result.timeline) {
    if (entry.kind == EntryKind::event) continue;
    json.begin_object().member("name", entry.text).member("ph", entry.lasts.count() > 0 ? "X" : "i");
    json.member("ts", us(entry.at.time_since_epoch().count())).member("pid", faults_track).member("tid", row++ % 8);
    if (entry.lasts.count() > 0) {
      json.member("dur", us(entry.lasts.count()));
    } else {
      json.member("s", "g");
    }
    json.end_object();
  }
  for (const TracedEvent& event : result.traced) {
    json.begin_object().member("name", runtime::to_string(event.name)).member("ph", "i").member("s", "t");
    json.member("ts", us(event.at.time_since_epoch().count())).member("pid", event.node);
    json.member("tid", static_cast<std::int64_t>(event.name));
    json.key("args").begin_object().member("event", event.text).end_object().end_object();
  }
  json.end_array().end_object();
  return json.text() + "\n";
}

}  // namespace squall::scenarios
