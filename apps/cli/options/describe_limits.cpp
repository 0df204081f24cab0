// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"
#include "cli/options/command_table.hpp"
#include "cli/options/option_values.hpp"
#include "core/log_safe.hpp"
#include "core/option_ranges.hpp"
#include "core/sentence.hpp"

namespace aperto::cli {

namespace {

using ranges::connections_most;

/// Comma-separated, and may be given several times.
option_description ranges_option(std::string name, std::string help, std::string fallback,
                                 std::vector<cidr>& target) {
    const auto take = [name, &target](const std::string& text) {
        for (std::size_t begin = 0; begin <= text.size();) {
            const std::size_t end = std::min(text.find(',', begin), text.size());
            const std::string one = text.substr(begin, end - begin);
            try {
                target.push_back(cidr::parse(one));
            } catch (const error& wrong) {
                throw usage_error(
                    sentence(_("{} takes ranges of addresses like 192.0.2.0/24,2001:db8::/32, not "
                               "\"{}\". {}"),
                             name, log_safe(one), _(wrong.advice().c_str())));
            }
            begin = end + 1;
        }
    };
    return {.name = std::move(name),
            .value = "RANGES",
            .help = std::move(help),
            .fallback = std::move(fallback),
            .several = true,
            .set = take};
}

void add_counts(std::vector<option_description>& to, aperto::options& options) {
    to.push_back(number_option("--max-connections", _("clients at once; one more waits until one ends"),
                               _("as many as descriptors allow"), 1, connections_most,
                               [&options](std::uint64_t number) { options.max_connections = number; }));
    to.push_back(number_option(
        "--max-connections-per-address", _("clients at once from one address; one more is refused"),
        _("half of all, this machine's own not limited"), 1, connections_most,
        [&options](std::uint64_t number) { options.max_connections_per_address = number; }));
    to.push_back(number_option(
        "--accept-rate", _("clients a second from one address; those past it are refused"), _("any number"),
        1, static_cast<std::uint64_t>(ranges::accept_rate_most),
        [&options](std::uint64_t number) { options.accept_rate = static_cast<double>(number); }));
    to.push_back(ranges_option("--exempt", _("not held to the two limits per address, like your proxies"),
                               _("nobody"), options.exempt));
    to.push_back(ranges_option("--allow", _("only these may connect"), _("everyone"), options.allow));
    to.push_back(
        ranges_option("--deny", _("these may not connect; it wins over --allow"), _("nobody"), options.deny));
    to.push_back(number_option(
        "--backlog", _("clients that the system keeps waiting to be accepted"),
        std::to_string(options.socket.backlog), ranges::backlog_least, ranges::backlog_most,
        [&options](std::uint64_t number) { options.socket.backlog = static_cast<int>(number); }));
}

void add_sizes(std::vector<option_description>& to, aperto::options& options) {
    to.push_back(size_option("--max-message", _("largest message or line"), options.max_message,
                             ranges::max_message_least));
    to.push_back(size_option("--high-water",
                             _("bytes waiting to be sent to a client, past which it is not read"),
                             options.high_water, ranges::high_water_least));
    auto budget =
        size_option("--memory-budget",
                    _("memory for all buffers; past it clients that hold much and move little are ended"),
                    options.memory_budget, ranges::memory_budget_least);
    budget.fallback = _("a quarter of the memory");
    to.push_back(std::move(budget));
}

void add_deadlines(std::vector<option_description>& to, aperto::options& options) {
    to.push_back(duration_option("--handshake-deadline", _("from the connection to a client's first byte"),
                                 options.handshake_deadline));
    to.push_back(duration_option("--idle-timeout", _("how long a client may stay silent between messages"),
                                 options.idle_timeout));
    to.push_back(duration_option("--message-deadline", _("from a message's first byte to its last"),
                                 options.message_deadline));
    to.push_back(duration_option("--write-deadline", _("how long a client may take to accept what is sent"),
                                 options.write_deadline));
    to.push_back(duration_option("--keepalive",
                                 _("ask a silent client's machine whether it is there, so often; 0: never"),
                                 options.socket.keepalive, true));
    to.push_back(duration_option("--user-timeout",
                                 _("give a client up whose machine acknowledges nothing for so long; 0: the "
                                   "system's choice"),
                                 options.socket.user_timeout, true));
}

void add_drain(std::vector<option_description>& to, aperto::options& options) {
    to.push_back(duration_option("--drain-delay",
                                 _("when stopping: go on for so long as before, new clients too"),
                                 options.drain_delay, true));
    to.push_back(duration_option("--drain-grace", _("when stopping: leave idle clients alone for so long"),
                                 options.drain_grace, true));
    to.push_back(duration_option("--drain-spread",
                                 _("when stopping: spread the ends of many idle clients over so long"),
                                 options.drain_spread, true));
    to.push_back(duration_option("--drain-deadline",
                                 _("when stopping: how long conversations in progress may go on"),
                                 options.drain_deadline, true));
}

}  // namespace

void add_limits(std::vector<option_description>& to, aperto::options& options) {
    std::vector<option_description> limits;
    add_counts(limits, options);
    add_sizes(limits, options);
    add_deadlines(limits, options);
    add_drain(limits, options);
    for (option_description& each : limits) {
        each.group = _("Limits");
        to.push_back(std::move(each));
    }
}

}  // namespace aperto::cli
