// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/client.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace aperto::client {

/// What became of the addresses of a host; it outlives the race, so that an error can tell.
struct attempts {
    struct failure {
        endpoint where;
        int result = 0;  ///< a negative errno
    };
    std::vector<endpoint> addresses;  ///< in the order in which they are tried
    std::size_t begun = 0;            ///< so many of them have been tried
    std::vector<failure> failures;    ///< in the order in which they failed
};

/// Addresses as RFC 8305, 4 wants them tried: the families take turns, beginning with that of the first; the
/// order within a family stays.
std::vector<endpoint> take_turns(const std::vector<endpoint>& addresses);

/// The staggered attempts of RFC 8305, 5: the next address is tried when the one before has failed, or has
/// not answered for `attempt_delay`; the first that answers wins. co_await it, once: true when there is a
/// winner. Addresses may join it while it runs.
///
/// It owns its attempts. Destroying it, at any time, gives up and closes whatever is not the winner.
class connect_race : public detail::operation_awaiter<operation> {
public:
    /// With `more` to come, it is not over before `end_of_addresses`.
    connect_race(backend& on, attempts& log, const client_options& options, bool more = false);
    ~connect_race();
    connect_race(const connect_race&) = delete;
    connect_race& operator=(const connect_race&) = delete;

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] {
            begin_next();
            if (is_over()) return true;
            owner().expect(*this);
            return false;
        });
    }
    bool await_resume();
    /// Of the addresses that are still to be tried, the families take turns, beginning with that of these. Throws
    /// std::bad_alloc and is as before then.
    void add(const std::vector<endpoint>& fresh);
    void end_of_addresses() noexcept;
    /// The connection, to the caller; and the address that answered.
    socket_id take_winner() noexcept { return std::exchange(winner_, {}); }

private:
    struct attempt : connect_operation {
        attempt(backend& on, connect_race& of, const endpoint& to) noexcept
            : connect_operation(on), race(&of), where(to) {}
        connect_race* race;
        endpoint where;
    };
    struct stagger_timer : timer {
        explicit stagger_timer(connect_race& of) noexcept;
        connect_race* race;
    };

    bool is_over() const noexcept {
        return winner_ || (running_ == 0 && log_.begun == log_.addresses.size() && !more_);
    }
    void begin_next();
    bool has_met_itself(const attempt& ended) const noexcept;
    void settle(attempt& ended) noexcept;
    static void on_attempt_end(operation& done);

    attempts& log_;
    const client_options& options_;
    std::vector<std::unique_ptr<attempt>> started_;
    stagger_timer stagger_;
    time_point latest_{};  ///< when the latest attempt was begun
    std::size_t running_ = 0;
    bool more_;
    socket_id winner_;
};

}  // namespace aperto::client
