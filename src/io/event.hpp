// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

namespace aperto {

/// Something that one task waits for and others announce. It has no memory: a notice with nobody waiting is
/// lost, so the one who waits checks its condition first, and again when it wakes. One loop's thread.
class event {
public:
    explicit event(loop& on) noexcept : loop_(on) {}

    void notify() noexcept {
        if (waiting_) loop_.notify(*waiting_);
    }

    class awaiter : public detail::operation_awaiter<operation> {
    public:
        awaiter(event& of, time_point until) noexcept
            : operation_awaiter(of.loop_, kind::event), of_(of), until_(until), alarm_(*this) {}
        ~awaiter() {
            if (of_.waiting_ == this) of_.waiting_ = nullptr;
        }
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        bool await_suspend(std::coroutine_handle<Promise> awaiting) {
            return suspend(awaiting, [this] {
                of_.waiting_ = this;
                if (until_ != time_point::max()) owner().arm(alarm_, until_);
                owner().expect(*this);
                return false;
            });
        }
        /// Throws `errc::cancelled`.
        void await_resume() {
            of_.waiting_ = nullptr;
            if (result == -ECANCELED) throw error(errc::cancelled, "wait");
        }

    private:
        struct alarm : timer {
            explicit alarm(awaiter& of) noexcept
                : timer([](timer& due) {
                      awaiter& late = *static_cast<alarm&>(due).waiter;
                      late.owner().notify(late);
                  }),
                  waiter(&of) {}
            awaiter* waiter;
        };
        event& of_;
        time_point until_;
        alarm alarm_;
    };

    /// Until somebody notifies, or until `until`. co_await it; one at a time.
    awaiter wait(time_point until = time_point::max()) noexcept { return {*this, until}; }

private:
    loop& loop_;
    awaiter* waiting_ = nullptr;
};

}  // namespace aperto
