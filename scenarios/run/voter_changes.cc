// Changes of who votes, as an operator makes them: from a machine of their own, through any broker, again and again until it is
// so. What is asked for is pursued after the heal, too.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/connection.h"
#include "protocol/messages/add_raft_voter.h"
#include "protocol/messages/remove_raft_voter.h"
#include "runtime/deadline.h"
#include "scenarios/run/cluster.h"
#include "scenarios/run/fault_scheduler.h"
#include "scenarios/run/node_config.h"

namespace squall::scenarios {
namespace {

constexpr Duration patience = std::chrono::seconds{5};
constexpr Duration rest = std::chrono::milliseconds{300};
constexpr Duration settled_after = std::chrono::seconds{2};

// One change: of the server, from what it was to what it is now.
struct VoterChange {
  ServerNode* server = nullptr;
  bool adds = false;
  std::optional<VoterView> former;  // to be removed
};

class Operator {
 public:
  Operator(RunContext& run, runtime::World& world, VoterChange change, std::uint64_t first)
      : run_{run}, world_{world}, change_{change}, turn_{first} {}

  // A change may be undone until it is committed: it is believed when it has stood for a while.
  void pursue() {
    std::optional<Instant> since;
    while (!since || world_.now() < *since + settled_after) {
      const bool so = done();
      if (so && !since) since = world_.now();
      if (!so) {
        since.reset();
        ask();
      }
      runtime::sleep_for(world_, rest);
    }
    if (change_.adds) run_.atlas.votes_again(change_.server->plan->id);
  }

 private:
  [[nodiscard]] bool done() const {
    const std::vector<VoterView> voters = run_.view->voters();
    const auto votes = [&](const VoterView& one) { return std::ranges::find(voters, one) != voters.end(); };
    if (voters.empty() || (change_.former && votes(*change_.former))) return false;
    return !change_.adds || RunContext::is_voter(*change_.server, voters);
  }

  void ask() {
    if (change_.former) {
      protocol::RemoveRaftVoterRequest request;
      request.cluster_id = std::nullopt;
      request.voter_id = change_.former->id.value();
      request.voter_directory_id = change_.former->directory;
      call(request);
    }
    const NodeInsight* insight = change_.server->insight;
    if (!change_.adds || insight == nullptr || insight->self().directory.is_zero()) return;
    protocol::AddRaftVoterRequest request;
    request.cluster_id = std::nullopt;
    request.timeout_ms = static_cast<std::int32_t>(patience / std::chrono::milliseconds{1});
    request.voter_id = insight->self().id.value();
    request.voter_directory_id = insight->self().directory;
    auto& listener = request.listeners.emplace_back();
    listener.name = "CONTROLLER";
    listener.host = change_.server->node->host();
    listener.port = controller_port;
    call(request);
  }

  // Another broker each time.
  template <class Request>
  void call(const Request& request) {
    const client::ClusterOptions brokers = run_.cluster_options("operator", patience);
    const Instant deadline = runtime::deadline_in(world_, patience);
    const runtime::Endpoint& at = brokers.bootstrap[turn_++ % brokers.bootstrap.size()];
    auto connection = client::Connection::open(world_, at, brokers.connection, deadline);
    if (!connection) return;
    (void)(*connection)->call(request, deadline);
    (*connection)->close();
  }

  RunContext& run_;
  runtime::World& world_;
  VoterChange change_;
  std::uint64_t turn_;
};

}  // namespace

// The new disk is formatted as that of a controller which is to be added.
void FaultScheduler::lose_voter_disk(ServerNode& server, Duration lasts, std::vector<Strike>& into) {
  run_.settle_clients();
  server.wanted = false;
  server.serving = false;
  run_.atlas.struck(Harm::stored, server.plan->id, run_.now());
  if (server.node->state() == sim::NodeState::running) server.node->power_cut();
  Strike strike{.lasts = lasts, .fault = 0, .text = {}};
  for (const auto& disk : server.node->disks()) strike.fault = disk->wipe();
  run_.simulation.hit(strike.fault);
  server.formatted = false;
  strike.text = fmt::format("{} loses its disk, and is to be replaced", server.node->name());
  into.push_back(std::move(strike));
  later(lasts, [this, &server] { start_again(run_, *server.node); });
}

void FaultScheduler::change_voters(const FaultSpec& spec, sim::Node& node, Random& random, std::vector<Strike>& into) {
  ServerNode* server = server_at(run_, node);
  if (server == nullptr || !server->plan->is_controller || server->insight == nullptr) return;
  // One change at a time; and of two voters none can be spared.
  const std::vector<VoterView> voters = run_.view->voters();
  const bool adds = spec.kind == FaultKind::add_voter;
  if (run_.voter_changes > 0 || RunContext::is_voter(*server, voters) == adds || (!adds && voters.size() < 3)) return;
  VoterChange change{.server = server, .adds = spec.kind != FaultKind::remove_voter, .former = std::nullopt};
  if (!adds) change.former = server->insight->self();
  if (spec.kind == FaultKind::replace_voter) {
    lose_voter_disk(*server, spec.value("for").draw_duration(random), into);
  } else {
    Strike strike{.lasts = {}, .fault = run_.simulation.inject(adds ? "add-voter" : "remove-voter", node.name()), .text = {}};
    run_.simulation.hit(strike.fault);
    strike.text = fmt::format("{} is to {}", node.name(), change.adds ? "become a voter" : "vote no more");
    into.push_back(std::move(strike));
  }
  const std::uint64_t first = random.below(64);
  ++run_.voter_changes;
  run_.control->spawn("operator", [this, change, first] {
    Operator{run_, run_.control->world(), change, first}.pursue();
    --run_.voter_changes;
  });
}

}  // namespace squall::scenarios
