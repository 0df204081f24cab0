// SPDX-License-Identifier: MIT
#include "aperto/client_pool.hpp"

#include "aperto/detail/choice_state.hpp"
#include "client/check_client_options.hpp"
#include "client/exchange_on.hpp"
#include "client/pool_state.hpp"
#include "core/option_ranges.hpp"
#include "core/option_text.hpp"

#include <algorithm>
#include <optional>

namespace aperto {
namespace {

void check_pool_options(const pool_options& chosen) {
    client::check_client_options(chosen.client);
    check_number("connections_most", chosen.connections_most, 1, ranges::connections_most);
    check_number("idle_most", chosen.idle_most, 0, ranges::connections_most);
    check_time("idle_time", chosen.idle_time, false);
    check_time("age_most", chosen.age_most, false);
    check_time("take_deadline", chosen.take_deadline, false);
    check_time("aside", chosen.aside, false);
    check_time("aside_most", chosen.aside_most, false);
}

}  // namespace

// ---- the pool

client_pool::client_pool(std::vector<host_port> hosts, pool_options options) {
    if (hosts.empty()) throw error(errc::misuse, "keep connections to", "no host", "Name one at least.");
    check_pool_options(options);
    state_ = std::make_shared<shared_state>(std::move(hosts), std::move(options));
}

client_pool::~client_pool() {
    if (!state_) return;
    state_->closed = true;
    state_->sweep.unlink();
    while (!state_->idle.empty())
        state_->drop(state_->idle.begin());
}

std::vector<pool_host> client_pool::hosts() const {
    std::vector<pool_host> all;
    const time_point at = state_->now();
    for (const client::pool_host_state& each : state_->hosts) {
        all.push_back(each.known);
        all.back().is_aside = each.aside_until > at;
    }
    return all;
}

// ---- taking

namespace {

/// Empty where it could not be connected to, which is then in `why`.
task<std::optional<stream>> try_connect(host_port where, client_options options, duration limit,
                                        std::optional<error>& why) {
    options.connect_timeout = std::min(options.connect_timeout, limit);
    try {
        task<stream> connecting = connect(std::move(where), std::move(options));
        co_return co_await connecting;
    } catch (const error& failed) {
        if (failed.code() == errc::misuse) throw;
        why = failed;
    }
    co_return std::nullopt;
}

task<semaphore::permit> find_place(semaphore& places, const pool_options& options) {
    try {
        semaphore::permit mine = co_await places.acquire(options.take_deadline);
        co_return mine;
    } catch (const error& late) {
        if (late.code() != errc::deadline) throw;
    }
    const std::string count = std::to_string(options.connections_most);
    throw error(errc::deadline, "get a connection of the pool's", count,
                "All were in use. pool_options::connections_most says how many there are.");
}

/// What was asked by `message`; empty where the connection broke off or was too slow, which is then in `why`.
task<std::optional<std::string>> try_exchange(stream& peer, const std::string& message,
                                              const client_options& options, std::optional<error>& why) {
    const time_point until = detail::time_after(loop::current().read_now(), options.reply_deadline);
    try {
        task<std::string> asking = client::exchange_on(peer, message, options, until);
        co_return co_await asking;
    } catch (const error& failed) {
        if (failed.code() != errc::cut_short && failed.code() != errc::deadline) throw;
        why = failed;
    }
    co_return std::nullopt;
}

}  // namespace

task<client_pool::lease> client_pool::take() {
    const std::shared_ptr<shared_state> pool = state_;
    const time_point until = detail::time_after(pool->now(), pool->options.take_deadline);
    task<semaphore::permit> finding = find_place(pool->places, pool->options);
    semaphore::permit place = co_await finding;
    for (;;) {
        const duration left = detail::time_left(until, pool->now());
        if (left <= duration::zero()) throw error(pool->failure());
        const std::size_t host = pool->choose();
        if (host == shared_state::nobody) {
            event::waiter waiting = pool->news.wait_until(std::min(until, pool->next_back()));
            co_await waiting;
            continue;
        }
        lease mine(std::make_unique<visit>(pool, host));
        if (!pool->lend_kept(mine, host)) {
            pool->make_room();
            const duration share = left / static_cast<duration::rep>(pool->usable());
            std::optional<error> why;
            task<std::optional<stream>> connecting =
                try_connect(pool->hosts[host].known.where, pool->options.client,
                            left == forever ? forever : std::max(share, ranges::time_least), why);
            std::optional<stream> opened = co_await connecting;
            if (!opened) {
                pool->set_aside(host, std::move(*why));
                continue;
            }
            ++pool->hosts[host].known.opened;
            pool->hosts[host].doubted = false;
            mine.at_->end_trial();
            mine.peer_ = std::move(*opened);
            mine.opened_ = pool->now();
        }
        mine.at_->place = std::move(place);
        co_return mine;
    }
}

task<std::string> client_pool::ask(std::string message) {
    const std::shared_ptr<shared_state> pool = state_;
    const client_options& options = pool->options.client;
    if (!is_delimited(options.stream))
        throw error(errc::misuse, "ask over a connection that is kept", {},
                    "Its framing must say where an answer ends.");
    for (unsigned asked = 1;; ++asked) {
        task<lease> taking = take();
        lease mine = co_await taking;
        std::optional<error> why;
        task<std::optional<std::string>> asking = try_exchange(*mine, message, options, why);
        std::optional<std::string> answer = co_await asking;
        if (answer) {
            mine.keep();
            co_return std::move(*answer);
        }
        const bool is_late = why->code() == errc::deadline;
        // A server may close a kept connection at the moment in which it is used.
        if (is_late || !mine.was_kept()) mine.blame(error(*why));
        if (is_late || !options.ask_again || asked == options.retry.rounds) throw error(*why);
    }
}

// ---- a lease

client_pool::lease::lease() noexcept = default;
client_pool::lease::lease(std::unique_ptr<visit> at) noexcept : at_(std::move(at)) {}
client_pool::lease::lease(lease&& other) noexcept = default;
client_pool::lease& client_pool::lease::operator=(lease&& other) noexcept = default;
client_pool::lease::~lease() = default;

const host_port& client_pool::lease::host() const noexcept { return at_->pool->hosts[at_->host].known.where; }

void client_pool::lease::keep() noexcept {
    if (!at_) return;
    client::pool_host_state& good = at_->pool->hosts[at_->host];
    // What was good before it was set aside does not bring it back.
    if (good.aside_until <= at_->pool->now()) good.failures = 0;
    at_->pool->put_back(std::exchange(peer_, stream()), at_->host, opened_);
    at_.reset();
}

void client_pool::lease::blame(error why) noexcept {
    if (!at_) return;
    at_->pool->set_aside(at_->host, std::move(why));
    peer_ = stream();
    at_.reset();
}

}  // namespace aperto
