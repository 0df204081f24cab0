// SPDX-License-Identifier: MIT
#include "cli/bench/bench.hpp"
#include "cli/failure.hpp"
#include "cli/options/quantity.hpp"
#include "core/sentence.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

namespace aperto::cli {

namespace {

using std::string;

double per_second(std::uint64_t count, std::int64_t elapsed_ns) {
    return elapsed_ns == 0 ? 0.0 : static_cast<double>(count) * 1e9 / static_cast<double>(elapsed_ns);
}

string rounded(double value) { return grouped(static_cast<std::uint64_t>(std::llround(value))); }

/// A rate may be a fraction; a large one has none that matters.
string rate_text(double value) { return value < 100 ? decimal_text(value) : rounded(value); }

string percent(double share) { return fmt::format("{:.0f} %", share * 100); }

string latency(std::int64_t ns) {
    if (ns < 1'000'000) return fmt::format("{} µs", (ns + 500) / 1000);
    return duration_text(duration(ns));
}

string line(const char* label, const string& text) { return fmt::format("{:<12} {}\n", label, text); }

string distribution(const load::histogram& of) {
    if (of.count() == 0) return _("no replies to measure");
    return sentence(_("p50 {} · p90 {} · p99 {} · p99.9 {} · max {}"), latency(of.at_percentile(50)),
                    latency(of.at_percentile(90)), latency(of.at_percentile(99)),
                    latency(of.at_percentile(99.9)), latency(of.max()));
}

string shown(unsigned char byte) {
    return byte >= 0x20 && byte < 0x7F ? fmt::format("'{}'", static_cast<char>(byte))
                                       : fmt::format("0x{:02X}", byte);
}

string requests_line(const load::outcome& seen) {
    const double each_way = per_second(seen.bytes_received, seen.elapsed_ns);
    return counted("{} answered", "{} answered", seen.answered) +
           sentence(_(" in {} · {} a second · {} a second received"),
                    duration_text(duration(seen.elapsed_ns)),
                    rounded(per_second(seen.answered, seen.elapsed_ns)),
                    size_text(static_cast<std::uint64_t>(each_way)));
}

string server_line(const load::outcome& seen) {
    string text;
    if (seen.server_cpu_ns >= 0 && seen.answered > 0 && seen.elapsed_ns > 0) {
        const auto each_ns = static_cast<double>(seen.server_cpu_ns) / static_cast<double>(seen.answered);
        text =
            sentence(_("{} µs of CPU a request · {} of one core · "), decimal_text(each_ns / 1e3, 2),
                     percent(static_cast<double>(seen.server_cpu_ns) / static_cast<double>(seen.elapsed_ns)));
    }
    return text + sentence(_("{} of memory at most"), size_text(seen.server_memory_most));
}

string generator_line(const load::outcome& seen) {
    const double elapsed = static_cast<double>(std::max<std::int64_t>(seen.elapsed_ns, 1));
    const string busy = percent(static_cast<double>(seen.own_cpu_ns) / elapsed);
    const double waited = static_cast<double>(seen.own_waited_ns) / elapsed;
    string text = sentence(_("busy {} of one core"), busy);
    if (waited >= 0.02) text += sentence(_(", and another {} waiting for one"), percent(waited));
    text += " · ";
    text += seen.generator_was_the_limit()
                ? _("it was the bottleneck: the server could have answered faster than it asked")
                : _("it was not the bottleneck");
    return text;
}

string replies_line(const load::plan& what, const load::outcome& seen) {
    if (seen.wrong) {
        const string place = grouped(seen.wrong->offset);
        const string connection = grouped(seen.wrong_connection);
        if (seen.wrong->unasked) {
            return sentence(
                _("WRONG: on connection {} more came back than was asked for, from byte {} on ({})"),
                connection, place, shown(seen.wrong->got));
        }
        return sentence(_("WRONG: on connection {}, byte {} of the replies is {} and has to be {}"),
                        connection, place, shown(seen.wrong->got), shown(seen.wrong->expected));
    }
    if (seen.answered_in_all == 0) return _("there were none");
    if (what.expect == load::expectation::none || what.expect == load::expectation::bytes)
        return _("counted, not compared");
    return _("every byte was compared, and right");
}

string trouble(const load::outcome& seen) {
    string text;
    const auto add = [&text](std::uint64_t count, const string& what) {
        if (count > 0) text += line("", what);
    };
    add(seen.unanswered,
        counted("{} request was never answered", "{} requests were never answered", seen.unanswered));
    if (seen.answered_in_all == 0 && seen.bytes_received > 0)
        text +=
            line("", sentence(_("{} came back, and no whole reply: does a reply end where it was said to?"),
                              size_text(seen.bytes_received)));
    add(seen.unsent, counted("{} request was due and not sent, or not whole",
                             "{} requests were due and not sent, or not whole", seen.unsent));
    add(seen.in_flight_at_end,
        counted("{} request was waiting for its answer when the run ended",
                "{} requests were waiting for their answers when the run ended", seen.in_flight_at_end));
    add(seen.closed_by_server, counted("{} connection was closed by the server",
                                       "{} connections were closed by the server", seen.closed_by_server));
    add(seen.idle_lost, counted("{} idle connection was closed by the server",
                                "{} idle connections were closed by the server", seen.idle_lost));
    add(seen.waits_for_port,
        counted("{} time every source port was in use, and it had to wait",
                "{} times every source port was in use, and it had to wait", seen.waits_for_port));
    for (const auto& [code, count] : seen.failures)
        add(count, counted("{} connection failed: {}", "{} connections failed: {}", count,
                           system_reason({code, std::system_category()})));
    return text;
}

string early_end_line(const load::outcome& seen) {
    if (seen.interrupted) return line(_("ended early"), _("by a signal"));
    if (!seen.ended) return {};
    const string reason = system_reason({seen.ended->error, std::system_category()});
    if (seen.ended->why == load::early_end::cause::no_port_left)
        return line(_("ended early"), sentence(_("no source port was free any more ({})"), reason));
    return line(_("ended early"), sentence(_("the server was lost ({})"), reason));
}

}  // namespace

string bench_headline(const load::plan& what, const string& target) {
    string text = counted("bench        {1} · {0} connection", "bench        {1} · {0} connections",
                          what.connections, target);
    if (what.idle_connections > 0)
        text += counted(" and {} idle one", " and {} idle ones", what.idle_connections);
    if (what.per_message_connection) text += _(", one for each message");
    if (what.reset) text += _(", each ended by a reset");
    text += " · " + size_text(what.request_text.empty() ? what.size : what.request_text.size());
    if (what.expect == load::expectation::text || what.expect == load::expectation::bytes)
        text += sentence(_(", replies of {}"), size_text(std::max(what.reply_text.size(), what.reply_bytes)));
    if (what.pipeline > 1) text += sentence(_(" · {} in flight on each"), grouped(what.pipeline));
    text += " · ";
    text += what.rate > 0 ? sentence(_("open loop, {} requests a second"), rate_text(what.rate))
                          : string(_("closed loop: each reply brings the next request"));
    return text + "\n";
}

string bench_progress(const load::plan& what, const load::progress& now) {
    switch (now.now) {
    case load::progress::phase::connecting:
        return sentence(_("connecting: {} of {}"), grouped(now.connected),
                        grouped(what.connections + what.idle_connections));
    case load::progress::phase::warming_up:
        return _("warming up");
    case load::progress::phase::waiting_for_replies:
        return _("waiting for the last replies");
    case load::progress::phase::measuring:
        break;
    }
    string text = duration_text(duration(now.elapsed_ns));
    if (what.duration.count() > 0) text = sentence(_("{} of {}"), text, duration_text(what.duration));
    if (now.answers_a_second > 0)
        text += sentence(_(" · {} requests a second"), rounded(now.answers_a_second));
    text += sentence(_(" · p50 {} · p99 {}"), latency(now.p50_ns), latency(now.p99_ns));
    if (now.failures > 0) text += counted(" · {} connection lost", " · {} connections lost", now.failures);
    return text;
}

string bench_text(const load::plan& what, const load::outcome& seen) {
    // Where replies are wrong, how fast they came says nothing.
    if (seen.wrong) return line(_("replies"), replies_line(what, seen));
    string text = early_end_line(seen) + line(_("requests"), requests_line(seen));
    if (what.rate > 0) {
        text += line(_("latency"), distribution(seen.corrected) + "  " + _("from when each was due"));
        text += line("", distribution(seen.latency) + "  " + _("from when each was sent"));
    } else {
        text += line(_("latency"), distribution(seen.latency));
    }
    if (seen.connect.count() > 0 && seen.connect.max() > 0)
        text += line(_("connecting"), distribution(seen.connect));
    if (what.server_pid != 0) text += line(_("server"), server_line(seen));
    text += line(_("generator"), generator_line(seen));
    text += line(_("replies"), replies_line(what, seen));
    text += trouble(seen);
    // More than could be in flight were left when the time was over: they had queued up.
    if (what.rate > 0 && seen.late + seen.unsent > what.connections * what.pipeline)
        text += line("", sentence(_("the {} requests a second that were asked for were not reached"),
                                  rate_text(what.rate)));
    return text;
}

namespace {

using nlohmann::ordered_json;

double to_us(std::int64_t ns) { return static_cast<double>(ns) / 1e3; }

/// Of nothing there is no least, no middle and no most: null, not 0.
ordered_json distribution_json(const load::histogram& of) {
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
        {"latency_us", distribution_json(seen.latency)},
        {"corrected_latency_us", what.rate > 0 ? distribution_json(seen.corrected) : ordered_json(nullptr)},
        {"connect_us", distribution_json(seen.connect)},
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
