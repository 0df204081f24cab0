// SPDX-License-Identifier: MIT
#include "client/connect_hosts.hpp"

#include "aperto/detail/choice_state.hpp"
#include "aperto/error.hpp"
#include "aperto/resolve.hpp"
#include "aperto/sleep.hpp"
#include "client/check_client_options.hpp"
#include "core/log_safe.hpp"

#include <algorithm>
#include <utility>

namespace aperto {
namespace {

/// As many hosts as an error names.
constexpr std::size_t hosts_named_max = 8;

/// Hosts tried one after the other, and what became of them.
struct round {
    const std::vector<host_port>& hosts;
    const client_options& options;
    time_point until;               ///< of all rounds
    std::vector<error> failures{};  ///< of the hosts in their order, as far as the round has come
};

/// The next host's share of what is left.
duration share_of_next(const round& now) {
    const duration left = detail::time_left(now.until, loop::current().read_now());
    if (left == forever) return forever;
    return left / static_cast<duration::rep>(now.hosts.size() - now.failures.size());
}

/// Empty where the host could not be connected to, which the round then knows.
task<std::optional<stream>> try_next(round& now) {
    client_options own = now.options;
    own.connect_timeout = share_of_next(now);
    if (own.connect_timeout <= duration::zero()) {
        now.failures.emplace_back(make_error_code(errc::deadline), "connect to",
                                  log_safe(now.hosts[now.failures.size()].to_string()));
        co_return std::nullopt;
    }
    try {
        task<stream> connecting = connect(now.hosts[now.failures.size()], std::move(own));
        co_return co_await connecting;
    } catch (const error& why) {
        if (why.code() == errc::misuse) throw;
        now.failures.push_back(why);
    }
    co_return std::nullopt;
}

task<std::optional<stream>> try_each(round& now) {
    now.failures.clear();
    while (now.failures.size() < now.hosts.size()) {
        task<std::optional<stream>> trying = try_next(now);
        std::optional<stream> there = co_await trying;
        if (there) co_return there;
    }
    co_return std::nullopt;
}

/// Evenly from nothing to `most`.
duration draw_pause(duration most) {
    const auto most_ticks = static_cast<std::uint64_t>(most.count());
    return duration(static_cast<duration::rep>(loop::current().random() % (most_ticks + 1)));
}

task<> find_service(const std::string& name, std::vector<host_port>& found, std::optional<error>& missing) {
    try {
        task<std::vector<host_port>> resolving = resolve_service(name);
        found = co_await resolving;
        // A host of a service is no service again, which might be the first one.
        std::erase_if(found, [](const host_port& each) { return client::names_service(each.host); });
        if (found.empty())
            missing.emplace(errc::name_not_found, "find the hosts of", log_safe(name),
                            "It has services for hosts.");
    } catch (const error& why) {
        missing = why;
    }
}

}  // namespace

bool client::names_service(std::string_view host) noexcept {
    return host.starts_with('_') && host.find("._tcp.") != std::string_view::npos;
}

error client::failure_of_all(const std::vector<error>& failures) {
    if (failures.size() == 1) return failures.front();
    std::string text = "any of " + std::to_string(failures.size()) + " hosts (";
    for (std::size_t i = 0; i < std::min(failures.size(), hosts_named_max); ++i) {
        if (i > 0) text += "; ";
        text += failures[i].whom() + ": " + failures[i].code().message();
    }
    if (failures.size() > hosts_named_max)
        text += "; and " + std::to_string(failures.size() - hosts_named_max) + " more";
    const error& first = failures.front();
    return error(first.code(), "connect to", text + ')', first.advice());
}

task<stream> client::connect_any(const std::vector<host_port>& hosts, const client_options& options,
                                 std::size_t& reached) {
    if (hosts.empty()) throw error(errc::misuse, "connect to", "no host", "Name one at least.");
    round now{hosts, options, detail::time_after(loop::current().read_now(), options.connect_timeout)};
    duration pause_most = std::min(options.retry.pause, options.retry.pause_most);
    for (unsigned rounds_left = options.retry.rounds;;) {
        task<std::optional<stream>> trying = try_each(now);
        std::optional<stream> there = co_await trying;
        reached = now.failures.size();
        if (there) co_return std::move(*there);
        const duration pause = draw_pause(pause_most);
        const bool is_time_left =
            now.until == time_point::max() || loop::current().read_now() + pause < now.until;
        if (--rounds_left == 0 || !is_time_left) throw failure_of_all(now.failures);
        detail::sleep_awaiter resting = sleep(pause);
        co_await resting;
        pause_most = std::min(2 * pause_most, options.retry.pause_most);
    }
}

task<std::vector<host_port>> client::each_host(std::vector<host_port> hosts, duration limit) {
    const time_point until = detail::time_after(loop::current().read_now(), limit);
    std::vector<host_port> all;
    std::optional<error> missing;
    for (host_port& each : hosts) {
        if (!names_service(each.host)) {
            all.push_back(std::move(each));
            continue;
        }
        std::vector<host_port> found;
        task<> finding = find_service(each.host, found, missing);
        const duration left = detail::time_left(until, loop::current().read_now());
        if (co_await detail::run_limited(std::move(finding), left))
            missing.emplace(make_error_code(errc::deadline), "find the hosts of", log_safe(each.host),
                            "The name service does not answer.");
        all.insert(all.end(), found.begin(), found.end());
    }
    if (all.empty() && missing) throw error(*missing);
    co_return all;
}

task<stream> connect(std::vector<host_port> hosts, client_options options) {
    client::check_client_options(options);
    const time_point until = detail::time_after(loop::current().read_now(), options.connect_timeout);
    task<std::vector<host_port>> finding = client::each_host(std::move(hosts), options.connect_timeout);
    hosts = co_await finding;
    options.connect_timeout = detail::time_left(until, loop::current().read_now());
    std::size_t reached = 0;
    task<stream> connecting = client::connect_any(hosts, options, reached);
    co_return co_await connecting;
}

}  // namespace aperto
