// SPDX-License-Identifier: MIT
#include "server/check_options.hpp"

#include "aperto/error.hpp"
#include "core/option_ranges.hpp"
#include "core/option_text.hpp"
#include "io/host_text.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

namespace aperto {
namespace {

/// 0 and `no_limit` have a meaning of their own.
void check_count(std::string_view name, std::size_t given) {
    if (given != 0 && given != no_limit) check_number(name, given, 1, ranges::connections_most);
}

/// Throws what `host_port` says of it.
void check_address(const std::string& given) {
    if (!io::names_unix_socket(given)) static_cast<void>(host_port::parse(given, 1));
}

void check_rate(double given) {
    if (std::isfinite(given) && given >= 0 && given <= ranges::accept_rate_most) return;
    const std::string text = fmt::format("{}", given);
    refuse_option("accept_rate", text,
                  takes_number("accept_rate", 0, static_cast<std::uint64_t>(ranges::accept_rate_most), text));
}

void check_share(double given) {
    if (std::isfinite(given) && given >= 0 && given <= 1) return;
    const std::string text = fmt::format("{}", given);
    refuse_option("trace_messages", text, takes_number("trace_messages", 0, 1, text));
}

void check_backlog(int given) {
    if (given >= ranges::backlog_least) return;
    const std::string text = std::to_string(given);
    refuse_option("socket.backlog", text,
                  takes_number("socket.backlog", ranges::backlog_least, ranges::backlog_most, text));
}

void check_transport(const transport* chosen) {
    if (chosen && chosen->side() == transport_side::client)
        throw error(errc::misuse, "serve on", "transport", "It is a client's: tls::server makes a server's.");
}

void check_place(const listen_place& chosen) {
    check_address(chosen.where);
    if (chosen.max_message)
        check_size("also_listen.max_message", *chosen.max_message, ranges::max_message_least);
    if (chosen.max_connections)
        check_number("also_listen.max_connections", *chosen.max_connections, 1, ranges::connections_most);
    const auto check_own_time = [](const char* name, const std::optional<duration>& time) {
        if (time) check_time(name, *time, false);
    };
    check_own_time("also_listen.idle_timeout", chosen.idle_timeout);
    check_own_time("also_listen.message_deadline", chosen.message_deadline);
    check_own_time("also_listen.write_deadline", chosen.write_deadline);
    check_own_time("also_listen.handshake_deadline", chosen.handshake_deadline);
    if (chosen.transport) check_transport(chosen.transport->get());
}

void check_times(const options& chosen) {
    check_time("idle_timeout", chosen.idle_timeout, false);
    check_time("message_deadline", chosen.message_deadline, false);
    check_time("write_deadline", chosen.write_deadline, false);
    check_time("handshake_deadline", chosen.handshake_deadline, false);
    check_time("drain_delay", chosen.drain_delay, true);
    check_time("drain_grace", chosen.drain_grace, true);
    check_time("drain_spread", chosen.drain_spread, true);
    check_time("drain_deadline", chosen.drain_deadline, true);
    check_time("socket.keepalive", chosen.socket.keepalive, true);
    check_time("socket.user_timeout", chosen.socket.user_timeout, true);
}

}  // namespace

void check_options(const options& chosen) {
    if (chosen.host.find('\0') != std::string::npos)
        refuse_option("host", chosen.host, takes_no_nul("host", chosen.host));
    for (const listen_place& each : chosen.also_listen)
        check_place(each);
    check_number("workers", chosen.workers, 0, ranges::workers_most);
    check_size("max_message", chosen.max_message, ranges::max_message_least);
    check_size("high_water", chosen.high_water, ranges::high_water_least);
    check_number("max_in_flight", chosen.max_in_flight, 1, ranges::in_flight_most);
    if (chosen.memory_budget != 0)
        check_size("memory_budget", chosen.memory_budget, ranges::memory_budget_least);
    check_count("max_connections", chosen.max_connections);
    check_count("max_connections_per_address", chosen.max_connections_per_address);
    check_rate(chosen.accept_rate);
    check_share(chosen.trace_messages);
    check_backlog(chosen.socket.backlog);
    check_times(chosen);
    check_transport(chosen.transport.get());
}

}  // namespace aperto
