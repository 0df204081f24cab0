// SPDX-License-Identifier: MIT
#include "cli/bench_report.hpp"

#include <nlohmann/json.hpp>

#include <system_error>

namespace aperto::cli {
namespace {

using nlohmann::ordered_json;

double to_us(std::int64_t ns) { return static_cast<double>(ns) / 1e3; }

ordered_json distribution(const load::histogram& of) {
    return {{"count", of.count()},
            {"min", to_us(of.min())},
            {"mean", of.mean() / 1e3},
            {"p50", to_us(of.at_percentile(50))},
            {"p90", to_us(of.at_percentile(90))},
            {"p99", to_us(of.at_percentile(99))},
            {"p99_9", to_us(of.at_percentile(99.9))},
            {"p99_99", to_us(of.at_percentile(99.99))},
            {"max", to_us(of.max())}};
}

ordered_json plan_json(const load::plan& what) {
    const char* const framings[] = {"stream", "line", "length"};
    const char* const expectations[] = {"upper", "echo", "none"};
    return {{"connections", what.connections},
            {"idle_connections", what.idle_connections},
            {"rate", what.rate},
            {"size", what.size},
            {"pipeline", what.pipeline},
            {"framing", framings[static_cast<std::size_t>(what.framing)]},
            {"per_message_connection", what.per_message_connection},
            {"reset", what.reset},
            {"expect", expectations[static_cast<std::size_t>(what.expect)]}};
}

ordered_json server_json(const load::plan& what, const load::outcome& seen) {
    ordered_json server{{"pid", what.server_pid},
                        {"memory_before_bytes", seen.server_memory_before},
                        {"memory_idle_bytes", seen.server_memory_idle},
                        {"memory_connected_bytes", seen.server_memory_connected},
                        {"memory_after_bytes", seen.server_memory_after},
                        {"memory_most_bytes", seen.server_memory_most}};
    if (seen.server_cpu_ns >= 0) {
        server["cpu_ns"] = seen.server_cpu_ns;
        server["cpu_share"] = static_cast<double>(seen.server_cpu_ns) / static_cast<double>(seen.elapsed_ns);
        if (seen.answered > 0) {
            server["cpu_ns_per_request"] =
                static_cast<double>(seen.server_cpu_ns) / static_cast<double>(seen.answered);
        }
    }
    return server;
}

}  // namespace

std::string bench_json(const load::plan& what, const load::outcome& seen) {
    const double seconds = static_cast<double>(seen.elapsed_ns) / 1e9;
    ordered_json failures = ordered_json::object();
    for (const auto& [code, count] : seen.failures) {
        failures[std::system_category().message(code)] = count;
    }
    ordered_json out{
        {"target", seen.target},
        {"source_addresses", seen.sources},
        {"plan", plan_json(what)},
        {"clean", seen.clean()},
        {"interrupted", seen.interrupted},
        {"seconds", seconds},
        {"answered", seen.answered},
        {"answered_late", seen.late},
        {"unanswered", seen.unanswered},
        {"requests_per_second", seconds > 0 ? static_cast<double>(seen.answered) / seconds : 0.0},
        {"bytes_sent", seen.bytes_sent},
        {"bytes_received", seen.bytes_received},
        {"latency_us", distribution(seen.latency)},
        {"corrected_latency_us", what.rate > 0 ? distribution(seen.corrected) : ordered_json(nullptr)},
        {"connect_us", distribution(seen.connect)},
        {"connected", seen.connected},
        {"closed_by_server", seen.closed_by_server},
        {"idle_lost", seen.idle_lost},
        {"waits_for_port", seen.waits_for_port},
        {"failures", failures},
        {"generator",
         {{"cpu_share", seconds > 0 ? static_cast<double>(seen.own_cpu_ns) / 1e9 / seconds : 0.0},
          {"waited_share", seconds > 0 ? static_cast<double>(seen.own_waited_ns) / 1e9 / seconds : 0.0},
          {"was_the_limit", seen.generator_was_the_limit()}}},
    };
    if (what.server_pid != 0) out["server"] = server_json(what, seen);
    if (seen.wrong) {
        out["wrong"] = {{"connection", seen.wrong_connection},
                        {"offset", seen.wrong->offset},
                        {"unasked", seen.wrong->unasked},
                        {"expected", seen.wrong->expected},
                        {"got", seen.wrong->got}};
    }
    return out.dump() + "\n";
}

}  // namespace aperto::cli
