// squall-broker: the broker on the real world.
#include <fmt/format.h>
#include <netdb.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/config.h"
#include "broker/format.h"
#include "runtime/linux/linux_world.h"
#include "runtime/task.h"

namespace {

using squall::ExitCode;
using squall::broker::Broker;
using squall::broker::BrokerConfig;
using squall::broker::ConfigSource;
using squall::broker::StartError;

constexpr std::string_view version = "0.1.0";

struct Arguments {
  std::string config_file;
  std::vector<std::string> overrides;
  std::string data_dir;
  int port = -1;
  std::string events = "info";
  std::optional<squall::broker::FormatOptions> format;  // format the directories and end
  bool show_version = false;
  bool show_config_help = false;
  bool show_config_reference = false;
};

int complain(ExitCode code, std::string_view what) {
  fmt::print(stderr, "squall-broker: {}\n", what);
  return static_cast<int>(code);
}

std::expected<ConfigSource, std::string> config_source(const Arguments& arguments) {
  ConfigSource source;
  std::array<char, 4096> here{};
  if (::getcwd(here.data(), here.size()) != nullptr) source.working_dir = here.data();
  if (!arguments.config_file.empty()) {
    std::ifstream in{arguments.config_file, std::ios::binary};
    std::ostringstream text;
    if (in) (void)in.peek();  // a folder opens like a file, and only reading tells
    if (in) text << in.rdbuf();
    if (!in) {
      return std::unexpected(
          fmt::format("cannot read {}: {}; give an existing file with --config", arguments.config_file, std::strerror(errno)));
    }
    source.file = arguments.config_file;
    source.text = text.str();
  }
  if (!arguments.data_dir.empty()) source.overrides.emplace_back("log.dirs", arguments.data_dir);
  if (arguments.port >= 0) source.overrides.emplace_back("listeners", fmt::format("PLAINTEXT://:{}", arguments.port));
  for (const std::string& override_text : arguments.overrides) {
    const std::size_t equals = override_text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return std::unexpected(fmt::format("--override {}: write it as key=value", override_text));
    }
    source.overrides.emplace_back(override_text.substr(0, equals), override_text.substr(equals + 1));
  }
  return source;
}

// This machine's name if others can resolve it, else the loopback address.
std::string own_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "127.0.0.1";
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.data(), nullptr, nullptr, &found) != 0) return "127.0.0.1";
  ::freeaddrinfo(found);
  return name.data();
}

// A listener on all interfaces must still be told to others by a name.
void advertise(BrokerConfig& config) {
  const auto advertise_one = [](squall::broker::ListenerConfig& listener) {
    const bool everywhere = listener.host.empty() || listener.host == "0.0.0.0" || listener.host == "::";
    if (everywhere && listener.advertised_host.empty()) listener.advertised_host = own_name();
  };
  for (auto& listener : config.listeners) advertise_one(listener);
  for (auto& listener : config.controller_listeners) advertise_one(listener);
}

squall::runtime::EventLevel event_level(const std::string& name) {
  using enum squall::runtime::EventLevel;
  return name == "debug" ? debug : name == "warn" ? warn : name == "off" ? off : info;
}

// A broker holds a descriptor for each connection and several for each partition: as many as it may have, not the cautious
// number that a shell hands down.
void raise_open_files_limit(squall::runtime::EventLevel least_level) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) {
    fmt::print(stderr, "squall-broker: warning: open files stay limited to {}: {}\n", limit.rlim_cur, std::strerror(errno));
  } else if (least_level <= squall::runtime::EventLevel::info) {
    fmt::print(stderr, "squall-broker: open files: limit raised from {} to {}\n", limit.rlim_cur, limit.rlim_max);
  }
}

int serve(BrokerConfig config, const Arguments& arguments) {
  squall::runtime::LinuxOptions options;
  options.handle_signals = true;
  options.least_level = event_level(arguments.events);
  options.on_impatience = [] {
    std::_Exit(complain(ExitCode::cut_short,
                        "ended by a second signal before it had stopped cleanly; the next start recovers "
                        "its logs; send one signal and wait to stop it cleanly"));
  };
  raise_open_files_limit(options.least_level);
  squall::runtime::LinuxWorld world{options};
  std::optional<StartError> wrong;
  world.run([&] {
    Broker broker{world, std::move(config)};
    bool asked = false;
    auto stopper = squall::runtime::start_task(world, "stop", [&] {
      world.wait_for_stop();
      asked = true;
      broker.stop();
    });
    auto watcher = squall::runtime::start_task(world, "failure-watch", [&] {
      const auto why = broker.wait_until_failed();
      if (why && !wrong) wrong = why;
      if (why) world.request_stop();
    });
    const auto started = broker.start();
    if (!started && !asked && !wrong) wrong = started.error();
    if (!started) world.request_stop();
    (void)stopper.join();
    (void)watcher.join();
  });
  for (const int stop : {SIGTERM, SIGINT}) (void)std::signal(stop, SIG_IGN);  // it has stopped: a repeat is late, not a kill
  return wrong ? complain(wrong->code, wrong->message) : 0;                   // behind all events: the last words are why
}

int format(const BrokerConfig& config, const squall::broker::FormatOptions& options) {
  squall::runtime::LinuxWorld world{{}};
  int code = 0;
  world.run([&] {
    const auto formatted = squall::broker::format_node(world, config, options);
    if (!formatted) {
      code = complain(formatted.error().code, formatted.error().message);
      return;
    }
    for (const std::string& line : *formatted) fmt::print("{}\n", line);
    if (formatted->empty()) fmt::print("everything is formatted already\n");
  });
  return code;
}

// The options of `format` as they stand on the command line.
struct FormatArguments {
  squall::broker::FormatOptions options;
  std::vector<std::string> features;
  std::string release;
  bool standalone = false;
  bool no_initial_controllers = false;
};

CLI::App* add_format(CLI::App& app, FormatArguments& into) {
  CLI::App* format = app.add_subcommand("format", "give the directories of --config their identity in a cluster, and end");
  format->add_option("--cluster-id", into.options.cluster_id, "the cluster's id: the same for all its nodes")->required();
  format->add_flag("--ignore-formatted", into.options.ignore_formatted, "leave what is formatted already as it is");
  CLI::Option* standalone = format->add_flag("--standalone", into.standalone, "this controller alone votes first");
  CLI::Option* named = format->add_option("--initial-controllers", into.options.initial_controllers,
                                          "who votes first: id@host:port:directoryId, separated by commas");
  CLI::Option* none = format->add_flag("--no-initial-controllers", into.no_initial_controllers,
                                       "this controller is to be added to a quorum that there is already");
  standalone->excludes(named)->excludes(none);
  named->excludes(none);
  format->add_option("--feature", into.features, "name=level that the cluster begins with; may be repeated")->take_all();
  format->add_option("--release-version", into.release, "the release whose metadata.version the cluster begins with: 4.0");
  return format;
}

std::expected<squall::broker::FormatOptions, std::string> format_options(const FormatArguments& given) {
  using squall::broker::FirstVoters;
  squall::broker::FormatOptions options = given.options;
  options.first_voters = given.standalone                            ? FirstVoters::standalone
                         : given.no_initial_controllers              ? FirstVoters::none
                         : given.options.initial_controllers.empty() ? FirstVoters::unsaid
                                                                     : FirstVoters::named;
  for (const std::string& text : given.features) {
    auto feature = squall::broker::parse_feature_level(text);
    if (!feature) return std::unexpected(feature.error());
    if (!options.features.insert(*std::move(feature)).second) {
      return std::unexpected(fmt::format("--feature {}: is given twice", text));
    }
  }
  if (!given.release.empty()) options.release = given.release;
  return options;
}

int print_random_uuid() {
  squall::runtime::LinuxWorld world{{}};
  world.run([&] { fmt::print("{}\n", squall::broker::new_cluster_id(world)); });
  return 0;
}

int run(const Arguments& arguments) {
  const auto source = config_source(arguments);
  if (!source) return complain(ExitCode::bad_usage, source.error());
  auto parsed = squall::broker::parse_broker_config(*source);
  if (!parsed) return complain(ExitCode::bad_usage, parsed.error());
  for (const std::string& warning : parsed->warnings) fmt::print(stderr, "squall-broker: warning: {}\n", warning);
  advertise(parsed->config);
  if (arguments.format) return format(parsed->config, *arguments.format);
  return serve(std::move(parsed->config), arguments);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{"squall-broker: a Kafka-compatible node, broker or controller or both"};
  app.add_option("--config", arguments.config_file, "server.properties, with Kafka's names");
  app.add_option("--override", arguments.overrides, "key=value that wins over the file; may be repeated")->take_all();
  app.add_option("--data-dir", arguments.data_dir, "where to keep the logs (log.dirs)");
  app.add_option("--port", arguments.port, "port to listen on, on all interfaces (listeners); 0: any")
      ->check(CLI::Range(0, 65535));
  app.add_option("--events", arguments.events, "least level of events that are logged")
      ->check(CLI::IsMember({"debug", "info", "warn", "off"}));
  app.add_flag("--version", arguments.show_version, "print the version and end");
  app.add_flag("--help-config", arguments.show_config_help, "list all keys of server.properties and end");
  app.add_flag("--print-config-reference", arguments.show_config_reference, "print docs/configuration.md and end");
  app.require_subcommand(0, 1);
  app.fallthrough();
  FormatArguments format_arguments;
  const CLI::App* format = add_format(app, format_arguments);
  const CLI::App* random_uuid = app.add_subcommand("random-uuid", "print a new cluster id and end");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == 0;
    if (!asked)
      return complain(ExitCode::bad_usage, fmt::format("{}; squall-broker --help tells of all options", error.what()));
    (void)app.exit(error);
    return 0;
  }
  if (arguments.show_version) {
    fmt::print("squall-broker {} (Kafka protocol 4.2)\n", version);
    return 0;
  }
  if (arguments.show_config_help) {
    fmt::print("{}", squall::broker::config_help());
    return 0;
  }
  if (arguments.show_config_reference) {
    fmt::print("{}", squall::broker::config_reference_page());
    return 0;
  }
  if (random_uuid->parsed()) return print_random_uuid();
  if (format->parsed()) {
    auto options = format_options(format_arguments);
    if (!options) return complain(ExitCode::bad_usage, options.error());
    arguments.format = *std::move(options);
  }
  return run(arguments);
}
