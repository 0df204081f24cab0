// SPDX-License-Identifier: MIT
#include "cli/bench/bench_report.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstring>

namespace aperto::cli {
namespace {

using nlohmann::ordered_json;

double to_us(std::int64_t ns) { return static_cast<double>(ns) / 1e3; }

/// Of nothing there is no least, no middle and no most: null, not 0.
ordered_json distribution(const load::histogram& of) {
    if (of.count() == 0) {
        ordered_json nothing{{"count", 0}};
        for (const char* name : {"min", "mean", "p50", "p90", "p99", "p99_9", "p99_99", "max"}) {
            nothing[name] = nullptr;
        }
        return nothing;
    }
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

double to_seconds(std::chrono::nanoseconds length) { return std::chrono::duration<double>(length).count(); }

ordered_json seconds_or_null(std::chrono::nanoseconds length) {
    return length.count() > 0 ? ordered_json(to_seconds(length)) : ordered_json(nullptr);
}

/// 0 stands for none.
ordered_json or_null(std::uint64_t number) {
    return number > 0 ? ordered_json(number) : ordered_json(nullptr);
}

ordered_json plan_json(const load::plan& what) {
    const char* const framings[] = {"stream", "line", "length"};
    const char* const expectations[] = {"upper", "echo", "none", "text", "bytes"};
    const std::size_t reply_bytes =
        what.expect == load::expectation::text ? what.reply_text.size() : what.reply_bytes;
    return {{"host", what.host},
            {"port", what.port},
            {"connections", what.connections},
            {"idle_connections", what.idle_connections},
            {"rate", what.rate > 0 ? ordered_json(what.rate) : ordered_json(nullptr)},
            {"size", what.request_text.empty() ? ordered_json(what.size) : ordered_json(nullptr)},
            {"send_bytes", or_null(what.request_text.size())},
            {"pipeline", what.pipeline},
            {"framing", framings[static_cast<std::size_t>(what.framing)]},
            {"per_message_connection", what.per_message_connection},
            {"reset", what.reset},
            {"expect", expectations[static_cast<std::size_t>(what.expect)]},
            {"reply_bytes", or_null(reply_bytes)},
            {"duration_s", seconds_or_null(what.duration)},
            {"warm_up_s", to_seconds(what.warm_up)},
            {"patience_s", to_seconds(what.patience)},
            {"requests", or_null(what.requests)}};
}

double share(std::int64_t part_ns, const load::outcome& of) {
    return of.elapsed_ns > 0 ? static_cast<double>(part_ns) / static_cast<double>(of.elapsed_ns) : 0.0;
}

ordered_json server_json(const load::plan& what, const load::outcome& seen) {
    if (what.server_pid == 0) return nullptr;
    const bool cpu_known = seen.server_cpu_ns >= 0;
    const double each_ns = seen.answered > 0
                               ? static_cast<double>(seen.server_cpu_ns) / static_cast<double>(seen.answered)
                               : 0.0;
    return {{"pid", what.server_pid},
            {"memory_before_bytes", seen.server_memory_before},
            {"memory_idle_bytes", seen.server_memory_idle},
            {"memory_connected_bytes", seen.server_memory_connected},
            {"memory_after_bytes", seen.server_memory_after},
            {"memory_most_bytes", seen.server_memory_most},
            {"cpu_ns", cpu_known ? ordered_json(seen.server_cpu_ns) : ordered_json(nullptr)},
            {"cpu_share", cpu_known ? ordered_json(share(seen.server_cpu_ns, seen)) : ordered_json(nullptr)},
            {"cpu_ns_per_request",
             cpu_known && seen.answered > 0 ? ordered_json(each_ns) : ordered_json(nullptr)}};
}

ordered_json ended_json(const load::outcome& seen) {
    if (!seen.ended) return nullptr;
    const bool ports = seen.ended->why == load::early_end::cause::no_port_left;
    return {{"reason", ports ? "no_port_left" : "connections_lost"},
            {"error", ::strerrorname_np(seen.ended->error)}};
}

ordered_json wrong_json(const load::outcome& seen) {
    if (!seen.wrong) return nullptr;
    return {{"connection", seen.wrong_connection},
            {"offset", seen.wrong->offset},
            {"unasked", seen.wrong->unasked},
            {"expected", seen.wrong->unasked ? ordered_json(nullptr) : ordered_json(seen.wrong->expected)},
            {"got", seen.wrong->got}};
}

}  // namespace

std::string bench_json(const load::plan& what, const load::outcome& seen) {
    const double seconds = static_cast<double>(seen.elapsed_ns) / 1e9;
    ordered_json failures = ordered_json::object();
    for (const auto& [code, count] : seen.failures) {
        failures[::strerrorname_np(code)] = count;
    }
    ordered_json out{
        {"target", seen.target},
        {"source_addresses", seen.sources},
        {"plan", plan_json(what)},
        {"clean", seen.clean()},
        {"interrupted", seen.interrupted},
        {"ended_early", ended_json(seen)},
        {"wrong", wrong_json(seen)},
        {"seconds", seconds},
        {"answered", seen.answered},
        {"answered_late", seen.late},
        {"unanswered", seen.unanswered},
        {"unsent", seen.unsent},
        {"in_flight_at_end", seen.in_flight_at_end},
        {"sent_in_all", seen.sent_in_all},
        {"answered_in_all", seen.answered_in_all},
        {"requests_per_second", seconds > 0 ? static_cast<double>(seen.answered) / seconds : 0.0},
        {"bytes_sent", seen.bytes_sent},
        {"bytes_received", seen.bytes_received},
        {"latency_counts_from", what.rate > 0 ? "due" : "sent"},
        {"latency_us", distribution(seen.latency)},
        {"corrected_latency_us", what.rate > 0 ? distribution(seen.corrected) : ordered_json(nullptr)},
        {"connect_us", distribution(seen.connect)},
        {"connected", seen.connected},
        {"closed_by_server", seen.closed_by_server},
        {"idle_lost", seen.idle_lost},
        {"waits_for_port", seen.waits_for_port},
        {"failures", failures},
        {"generator",
         {{"cpu_ns", seen.own_cpu_ns},
          {"cpu_share", share(seen.own_cpu_ns, seen)},
          {"waited_share", share(seen.own_waited_ns, seen)},
          {"was_the_limit", seen.generator_was_the_limit()}}},
        {"server", server_json(what, seen)},
    };
    return out.dump() + "\n";
}

}  // namespace aperto::cli
