#include "scenarios/language/vocabulary.h"

#include <array>

#include "base/assert.h"

namespace squall::scenarios {
namespace {

constexpr ParameterInfo broker{"node", ParameterKind::broker, Unit::word, "any.broker", "the broker or controller it strikes"};
constexpr ParameterInfo node{"node", ParameterKind::node, Unit::word, "any.broker", "the nodes it strikes"};
constexpr ParameterInfo client{"node", ParameterKind::client, Unit::word, "any.client", "the client it strikes"};
constexpr ParameterInfo from{"from", ParameterKind::node, Unit::word, "any.client", "the nodes at one end"};
constexpr ParameterInfo to{"to", ParameterKind::node, Unit::word, "any.broker", "those at the other"};
constexpr ParameterInfo one_way{"one_way", ParameterKind::flag, Unit::word, "false", "only from `from` to `to`"};

constexpr ParameterInfo lasts(std::string_view fallback) {
  return {"for", ParameterKind::value, Unit::duration, fallback, "how long it lasts"};
}
constexpr ParameterInfo down(std::string_view fallback) {
  return {"for", ParameterKind::value, Unit::duration, fallback, "how long the node stays down"};
}

constexpr std::array<std::string_view, 2> partition_modes{"black_hole", "refuse"};
constexpr std::array<std::string_view, 3> operations{"read", "write", "sync"};

constexpr std::array pause{node, lasts("1s")};
constexpr std::array crash{broker, down("1s")};
constexpr ParameterInfo weight(std::string_view name, std::string_view fallback, std::string_view help) {
  return {name, ParameterKind::value, Unit::count, fallback, help};
}
constexpr std::array power_cut{broker, down("1s"), weight("kept", "1", "weight of unsynced changes that survive"),
                               weight("dropped", "1", "weight of those that vanish"),
                               weight("torn", "1", "weight of writes of which some sectors survive")};
constexpr std::array slow_cpu{node, ParameterInfo{"factor", ParameterKind::value, Unit::factor, "10x", "how much slower"},
                              lasts("2s")};
constexpr std::array partition{
    from, to, one_way,
    ParameterInfo{"mode", ParameterKind::value, Unit::word, "black_hole", "what becomes of what is sent", partition_modes},
    lasts("2s")};
constexpr std::array latency{from,
                             to,
                             one_way,
                             ParameterInfo{"add", ParameterKind::value, Unit::duration, "50ms", "added to each way"},
                             ParameterInfo{"jitter", ParameterKind::value, Unit::duration, "0s", "drawn on top, up to this"},
                             lasts("2s")};
constexpr std::array loss{from, to, one_way,
                          ParameterInfo{"rate", ParameterKind::value, Unit::probability, "5%", "of packets, sent again later"},
                          lasts("2s")};
constexpr std::array link{from, to};
constexpr std::array clog{from, to, one_way, lasts("1s")};
constexpr std::array bandwidth{node, ParameterInfo{"limit", ParameterKind::value, Unit::bytes, "1MB", "bytes a second"},
                               lasts("2s")};
constexpr std::array flapping{from,
                              to,
                              one_way,
                              ParameterInfo{"up", ParameterKind::value, Unit::duration, "200ms", "up for"},
                              ParameterInfo{"down", ParameterKind::value, Unit::duration, "200ms", "down for"},
                              lasts("3s")};
constexpr std::array disk_stall{broker, lasts("1s")};
constexpr std::array disk_slow{broker, ParameterInfo{"factor", ParameterKind::value, Unit::factor, "10x", "how much slower"},
                               lasts("2s")};
constexpr std::array disk_limit{
    broker, ParameterInfo{"iops", ParameterKind::value, Unit::count, "0", "requests a second; 0: any"},
    ParameterInfo{"limit", ParameterKind::value, Unit::bytes, "0", "bytes a second; 0: any"}, lasts("2s")};
constexpr std::array disk_eio{broker, weight("one_in", "1", "one in so many requests fails"),
                              weight("times", "1", "until so many have failed"),
                              ParameterInfo{"op", ParameterKind::value, Unit::word, "write", "which requests", operations}};
constexpr std::array disk_full{broker, lasts("2s")};
constexpr std::array disk_fail_sync{broker, weight("syncs", "1", "how many syncs fail")};
constexpr std::array disk_capacity{broker, ParameterInfo{"bytes", ParameterKind::value, Unit::bytes, "", "the new size"}};
constexpr std::array bit_rot{broker, ParameterInfo{"flips", ParameterKind::value, Unit::count, "1", "how many bits flip"}};
constexpr std::array bad_write{broker, weight("writes", "1", "how many writes")};
constexpr std::array page_cache{broker, ParameterInfo{"bytes", ParameterKind::value, Unit::bytes, "", "its new size"}};
constexpr std::array only_broker{broker};
constexpr std::array clock_drift{
    node, ParameterInfo{"ppm", ParameterKind::value, Unit::count, "", "parts per million too fast; negative: too slow"},
    lasts("10s")};
constexpr std::array clock_jump{node,
                                ParameterInfo{"by", ParameterKind::value, Unit::duration, "", "how far; may be negative"}};
constexpr std::array storm{ParameterInfo{"node", ParameterKind::client, Unit::word, "all.clients", "which clients reconnect"},
                           ParameterInfo{"rounds", ParameterKind::value, Unit::count, "1", "how often, 100 ms apart"}};
constexpr std::array zombie{client, lasts("3s")};
constexpr std::array kill{client, down("1s")};

constexpr ParameterInfo standby{"node", ParameterKind::broker, Unit::word, "controller.standby", "the controller"};
constexpr std::array newcomer{ParameterInfo{"node", ParameterKind::broker, Unit::word, "any.controller", "the controller"}};
constexpr std::array voter{standby};
constexpr std::array lost_voter{standby, down("1s")};

constexpr std::array<FaultInfo, fault_kind_count> faults{{
    {FaultKind::pause, "pause", Harm::none, "the node freezes, as in a long GC pause; its sockets keep accepting bytes", pause},
    {FaultKind::crash, "crash", Harm::none, "the process dies and starts again; the page cache survives", crash},
    {FaultKind::power_cut, "power_cut", Harm::unsynced, "power is lost: unsynced writes and names survive, tear or vanish",
     power_cut},
    {FaultKind::restart, "restart", Harm::none, "a clean stop, then a start", crash},
    {FaultKind::slow_cpu, "slow_cpu", Harm::none, "all work takes longer", slow_cpu},
    {FaultKind::partition, "partition", Harm::none, "nothing passes between two nodes, or two sets of nodes", partition},
    {FaultKind::latency, "latency", Harm::none, "the link becomes slower", latency},
    {FaultKind::loss, "loss", Harm::none, "packets are lost and sent again: late, not gone", loss},
    {FaultKind::reset, "reset", Harm::none, "all connections between two nodes are reset", link},
    {FaultKind::clog, "clog", Harm::none, "bytes between two nodes wait until it ends, then all arrive", clog},
    {FaultKind::bandwidth, "bandwidth", Harm::none, "the node's network card becomes slower", bandwidth},
    {FaultKind::flapping, "flapping", Harm::none, "the link goes down and up again and again", flapping},
    {FaultKind::disk_stall, "disk_stall", Harm::none, "no disk request finishes until it ends", disk_stall},
    {FaultKind::disk_slow, "disk_slow", Harm::none, "every disk request takes longer", disk_slow},
    {FaultKind::disk_limit, "disk_limit", Harm::none, "the disk serves no more than this", disk_limit},
    {FaultKind::disk_eio, "disk_eio", Harm::unsynced, "disk requests fail with EIO", disk_eio},
    {FaultKind::disk_full, "disk_full", Harm::none, "writes that need room fail with ENOSPC", disk_full},
    {FaultKind::disk_fail_sync, "disk_fail_sync", Harm::unsynced, "syncs fail, and what they should have saved may be lost",
     disk_fail_sync},
    {FaultKind::disk_capacity, "disk_capacity", Harm::none, "the disk has another size from now on", disk_capacity},
    {FaultKind::bit_rot, "bit_rot", Harm::stored, "bits flip in what is stored", bit_rot},
    {FaultKind::misdirected_write, "misdirected_write", Harm::stored, "writes land elsewhere in the file", bad_write},
    {FaultKind::phantom_write, "phantom_write", Harm::stored, "writes report success and never land", bad_write},
    {FaultKind::wipe, "wipe", Harm::stored, "the node loses power and returns with an empty disk", crash},
    {FaultKind::page_cache, "page_cache", Harm::none, "the page cache has another size from now on", page_cache},
    {FaultKind::drop_cache, "drop_cache", Harm::none, "what is clean in the page cache must be read from disk again",
     only_broker},
    {FaultKind::clock_drift, "clock_drift", Harm::none, "the node's clocks run too fast or too slow", clock_drift},
    {FaultKind::clock_jump, "clock_jump", Harm::none, "the wall clock jumps", clock_jump},
    {FaultKind::reconnect_storm, "reconnect_storm", Harm::none, "clients drop all their connections and come back at once",
     storm},
    {FaultKind::zombie_producer, "zombie_producer", Harm::none,
     "a client freezes with requests under way and wakes long after its sessions and timeouts have passed", zombie},
    {FaultKind::kill_client, "kill_client", Harm::none, "the client dies with requests under way, and starts again", kill},
    {FaultKind::add_voter, "add_voter", Harm::none, "an operator makes the controller a voter, asking until it is one",
     newcomer},
    {FaultKind::remove_voter, "remove_voter", Harm::none, "an operator takes the controller's vote, asking until it has none",
     voter},
    {FaultKind::replace_voter, "replace_voter", Harm::stored,
     "the controller loses its disk and is formatted anew; an operator removes the old voter and adds the new one", lost_voter},
}};

constexpr auto names = [] {
  std::array<std::string_view, fault_kind_count> result{};
  for (std::size_t at = 0; at < fault_kind_count; ++at) result[at] = faults[at].name;
  return result;
}();

}  // namespace

std::span<const FaultInfo> all_faults() { return faults; }

const FaultInfo& fault_info(FaultKind kind) {
  const FaultInfo& info = faults[static_cast<std::size_t>(kind)];
  SQUALL_ASSERT(info.kind == kind, "the table of faults is in the order of its enumeration");
  return info;
}

const FaultInfo* fault_named(std::string_view name) {
  for (const FaultInfo& info : faults) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

std::span<const std::string_view> fault_names() { return names; }

}  // namespace squall::scenarios
