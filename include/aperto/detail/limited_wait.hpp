// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <cerrno>
#include <string_view>

namespace aperto::detail {

struct wait_hook : list_hook {};

/// Waits on the current loop until somebody notifies, the scope is cancelled, or its time is over; in a list
/// of those that wait for the same, if its owner likes. The base of the awaiters of event, semaphore and
/// queue.
class limited_wait : public operation_awaiter<operation>, public wait_hook {
public:
    explicit limited_wait(time_point until)
        : operation_awaiter(loop::current(), kind::event), until_(until), alarm_(*this) {}
    explicit limited_wait(duration limit) : limited_wait(time_after(loop::current().read_now(), limit)) {}

    limited_wait(limited_wait&& unused) noexcept
        : operation_awaiter(static_cast<operation_awaiter&&>(unused)),
          wait_hook(),
          until_(unused.until_),
          alarm_(*this) {}

    bool await_ready() const noexcept { return false; }

protected:
    /// In `await_suspend`. `try_now` is asked where the scope is not cancelled: true where there is nothing
    /// to wait for.
    template <class Promise, class TryNow>
    bool wait_unless(std::coroutine_handle<Promise> awaiting, TryNow&& try_now) {
        return suspend(awaiting, [&] {
            if (try_now()) return true;
            if (until_ != time_point::max()) owner().arm(alarm_, until_);
            owner().expect(*this);
            return false;
        });
    }
    bool is_late() const noexcept { return result == -ETIME; }
    /// Throws `cancellation`, and `errc::deadline` where its time was over.
    void check(std::string_view what) const {
        if (is_late()) throw error(errc::deadline, what);
        check_result(what);
    }

private:
    struct alarm : timer {
        explicit alarm(limited_wait& of) noexcept
            : timer([](timer& due) {
                  limited_wait& late = *static_cast<alarm&>(due).waiter;
                  late.owner().notify(late, -ETIME);
              }),
              waiter(&of) {}
        limited_wait* waiter;
    };
    time_point until_;
    alarm alarm_;
};

}  // namespace aperto::detail
