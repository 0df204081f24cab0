// SPDX-License-Identifier: MIT
#include "aperto/detail/choice_state.hpp"
#include "aperto/group.hpp"
#include "aperto/resolve.hpp"
#include "aperto/sleep.hpp"
#include "client/check_client_options.hpp"
#include "client/connect_hosts.hpp"
#include "client/connect_race.hpp"
#include "client/name_search.hpp"
#include "core/log_safe.hpp"
#include "io/host_text.hpp"

#include <array>
#include <utility>

namespace aperto {
namespace {

using client::attempts;

/// As many addresses as an error names; a host with more is named with the first of them.
constexpr std::size_t addresses_named_max = 8;

struct cause {
    std::errc code;
    const char* advice;
};
/// From the most telling: where addresses failed in different ways, the error is the first of these that one
/// of them met.
constexpr std::array causes{
    cause{std::errc::connection_refused,
          "The machine answered, but nothing listens on that port. Is the server running there?"},
    cause{std::errc::connection_reset, "The machine answered and broke the connection off."},
    cause{std::errc::timed_out,
          "Nothing answered. Is the machine on, the address right, and no firewall between?"},
    cause{std::errc::permission_denied, "A firewall or a sandbox on this machine forbids it."},
    cause{std::errc::operation_not_permitted, "A firewall or a sandbox on this machine forbids it."},
    cause{std::errc::host_unreachable, "Is that machine on, and on the same network?"},
    cause{std::errc::network_unreachable, "Is this machine connected to a network that leads there?"},
    cause{std::errc::too_many_files_open, "This process has no descriptor left (ulimit -n)."},
};

std::error_code code_of(const attempts::failure& failed) { return {-failed.result, std::system_category()}; }

constexpr const char* zone_missing =
    "A link-local address needs its zone, the network interface that leads there: fe80::1%eth0.";

/// The most telling failure and what to do about it.
std::pair<std::error_code, const char*> verdict(const attempts& log) {
    for (const cause& each : causes)
        for (const attempts::failure& failed : log.failures)
            if (code_of(failed) == each.code) return {code_of(failed), each.advice};
    for (const attempts::failure& failed : log.failures)
        if (code_of(failed) == std::errc::invalid_argument && io::lacks_zone(failed.where))
            return {code_of(failed), zone_missing};
    return {log.failures.empty() ? make_error_code(std::errc::timed_out) : code_of(log.failures.front()), ""};
}

/// "192.0.2.7: Connection refused", or the address alone where that adds nothing.
std::string account_of(const endpoint& address, const attempts& log, bool with_reason) {
    std::string text = address.address();
    if (!with_reason) return text;
    for (const attempts::failure& failed : log.failures)
        if (failed.where == address) return text + ": " + code_of(failed).message();
    return text + ": no answer";
}

/// "sala-3 (192.0.2.7) port 9999"; with each address's own failure where they differ.
std::string describe(const host_port& where, const attempts& log, std::error_code reported) {
    std::string text = log_safe(where.host);
    const bool is_unix = io::names_unix_socket(where.host);
    const bool numeric = io::as_address(where).has_value();
    bool differ = log.failures.size() != log.begun && !log.failures.empty();
    for (const attempts::failure& failed : log.failures)
        differ = differ || code_of(failed) != reported;
    if (!numeric && log.begun > 0) {
        const std::size_t named = std::min(log.begun, addresses_named_max);
        text += " (";
        for (std::size_t i = 0; i < named; ++i) {
            if (i > 0) text += differ ? "; " : ", ";
            text += account_of(log.addresses[i], log, differ);
        }
        if (named < log.begun) text += "; and " + std::to_string(log.begun - named) + " more";
        text += ')';
    }
    if (is_unix) return text;
    return text + " port " + std::to_string(where.port);
}

/// Has what is still found of a name join a race, as long as that runs.
class joined_race {
public:
    joined_race(client::name_search& search, client::connect_race& race) noexcept : search_(search) {
        search.race = &race;
    }
    ~joined_race() { search_.race = nullptr; }
    joined_race(const joined_race&) = delete;
    joined_race& operator=(const joined_race&) = delete;

private:
    client::name_search& search_;
};

task<> try_name(const host_port& where, const client_options& options, attempts& log, socket_id& winner) {
    const auto search = std::make_shared<client::name_search>(where);
    task_group asking;
    task<> beginning = client::begin_search(search, asking, options.resolution_delay);
    co_await beginning;
    log.addresses = client::take_turns(search->addresses);
    client::connect_race race(loop::current(), log, options, !search->is_whole);
    const joined_race joined(*search, race);
    if (co_await race) winner = race.take_winner();
}

task<> try_address(const endpoint& only, const client_options& options, attempts& log, socket_id& winner) {
    log.addresses.push_back(only);
    for (;;) {
        client::connect_race race(loop::current(), log, options);
        if (co_await race) {
            winner = race.take_winner();
            co_return;
        }
        // The queue of a Unix socket is full, which the kernel tells rather than to wait, connect(2).
        const bool full = log.failures.size() == 1 && log.failures.front().where.family() == AF_UNIX &&
                          log.failures.front().result == -EAGAIN;
        if (!full) co_return;
        detail::sleep_awaiter pause = sleep(std::chrono::milliseconds(5));
        co_await pause;
        log.begun = 0;
        log.failures.clear();
    }
}

[[noreturn]] void explain(const host_port& where, const attempts& log, bool late) {
    const std::error_code timed_out = errc::deadline;
    if (late && log.addresses.empty())
        throw error(timed_out, "find the address of", log_safe(where.host),
                    "The name service does not answer.");
    if (late) throw error(timed_out, "connect to", describe(where, log, timed_out), causes[2].advice);
    const auto [code, advice] = verdict(log);
    throw error(code, "connect to", describe(where, log, code), advice);
}

}  // namespace

task<stream> connect(host_port where, client_options options) {
    if (client::names_service(where.host)) {
        std::vector<host_port> service{std::move(where)};
        options.retry.rounds = 1;
        task<stream> connecting = connect(std::move(service), std::move(options));
        co_return co_await connecting;
    }
    client::check_client_options(options);
    loop& on = loop::current();
    const time_point until = detail::time_after(on.read_now(), options.connect_timeout);
    const auto shared = std::make_shared<const stream_options>(options.stream);
    attempts log;
    socket_id winner;
    const std::optional<endpoint> only = io::as_address(where);
    task<> trying = only ? try_address(*only, options, log, winner) : try_name(where, options, log, winner);
    const bool late = co_await detail::run_limited(std::move(trying), options.connect_timeout);
    if (!winner) explain(where, log, late);
    // Where there were several the kernel is asked which it was.
    const endpoint remote = log.addresses.size() == 1 ? log.addresses.front() : endpoint();
    stream opened = stream::adopt(on, winner, shared, remote, where.host);
    if (options.stream.transport) {
        const duration left = detail::time_left(until, on.read_now());
        if (co_await detail::run_limited(opened.handshake(), left))
            throw error(
                errc::deadline, "agree on TLS with", describe(where, log, errc::deadline),
                "It is connected, but does not go on with the handshake. Does it speak TLS on this port?");
    }
    co_return opened;
}

task<stream> connect(std::string_view where, client_options options) {
    // Not a coroutine: it reads the view before the caller's text can go.
    using port = std::optional<std::uint16_t>;
    return connect(host_port::parse(where, client::names_service(where) ? port(0) : port()),
                   std::move(options));
}

}  // namespace aperto
