// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/client_pool.hpp"
#include "aperto/event.hpp"
#include "aperto/semaphore.hpp"

#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace aperto {
namespace client {

struct pool_host_state {
    explicit pool_host_state(host_port named) : known{.where = std::move(named)} {}
    pool_host known;        ///< but for `is_aside`
    unsigned failures = 0;  ///< in a row
    bool doubted = false;   ///< it failed, and has not been connected to since
    duration aside{};       ///< for how long the last time, at the most
    time_point aside_until = time_point::min();
    bool on_trial = false;     ///< one connection tries whether it is back
    std::optional<error> why;  ///< it failed last
};

struct kept_connection {
    stream peer;
    std::size_t host = 0;
    time_point opened{};
    time_point until{};  ///< it is closed unless it is used
};

}  // namespace client

/// What a pool is, for itself and for its leases, which may outlive it.
struct client_pool::shared_state {
    static constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();

    shared_state(std::vector<host_port> named, pool_options&& chosen)
        : options(std::move(chosen)),
          on(loop::current()),
          places(options.connections_most),
          sweep(*this),
          last(named.size() - 1) {
        hosts.reserve(named.size());
        for (host_port& each : named)
            hosts.emplace_back(std::move(each));
    }

    time_point now() const noexcept { return on.read_now(); }
    std::size_t choose() noexcept;
    time_point next_back() const noexcept;
    std::size_t usable() const noexcept;
    void set_aside(std::size_t host, error&& why) noexcept;
    bool lend_kept(lease& to, std::size_t host) noexcept;
    void make_room() noexcept;
    void put_back(stream&& peer, std::size_t host, time_point opened) noexcept;
    void drop(std::vector<client::kept_connection>::iterator which) noexcept;
    void drop_old() noexcept;
    error failure() const;

    struct sweep_timer : timer {
        explicit sweep_timer(shared_state& of) noexcept
            : timer([](timer& due) { static_cast<sweep_timer&>(due).pool->drop_old(); }), pool(&of) {}
        shared_state* pool;
    };

    const pool_options options;
    loop& on;
    semaphore places;
    event news;  ///< a host may be usable that was not
    std::vector<client::pool_host_state> hosts;
    std::vector<client::kept_connection> idle;  ///< that kept longest is first
    sweep_timer sweep;
    time_point sweep_at{};
    std::size_t last;      ///< the host that was chosen last
    std::size_t lent = 0;  ///< in all, with those that are being made
    bool closed = false;
};

/// A place, and the host that it is used at.
struct client_pool::visit {
    visit(std::shared_ptr<shared_state> at, std::size_t which) noexcept : pool(std::move(at)), host(which) {
        client::pool_host_state& to = pool->hosts[host];
        is_trial = to.on_trial = to.doubted;
        ++to.known.lent;
        ++pool->lent;
    }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() {
        client::pool_host_state& to = pool->hosts[host];
        --to.known.lent;
        --pool->lent;
        end_trial();
    }
    void end_trial() noexcept {
        if (!std::exchange(is_trial, false)) return;
        pool->hosts[host].on_trial = false;
        pool->news.notify_all();
    }

    std::shared_ptr<shared_state> pool;
    std::size_t host;
    semaphore::permit place{};
    bool is_trial = false;
};

}  // namespace aperto
