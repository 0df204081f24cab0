// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/detail/limited_wait.hpp"

namespace aperto {

/// Something that tasks of one loop wait for and others announce. Once set it stays set until `reset`.
///
///     aperto::event ready;
///     co_await ready.wait();     // here
///     ready.set();               // there: everybody who waits goes on
///
/// The loop's thread; another one posts (`loop_handle::post`). It outlives those who wait. A wait allocates
/// nothing.
class event {
public:
    class [[nodiscard]] waiter;

    event() = default;
    event(const event&) = delete;
    event& operator=(const event&) = delete;

    /// Whether a wait would go on at once.
    bool is_set() const noexcept { return set_; }
    /// Lets all go on who wait, on the loop's next turn, whatever `reset` does meanwhile.
    void set() noexcept {
        set_ = true;
        notify_all();
    }
    /// Who waits from now on waits for the next `set`.
    void reset() noexcept { set_ = false; }
    /// Lets all go on who wait now, and leaves the event as it is.
    void notify_all() noexcept {
        waiting_.for_each([](detail::limited_wait& each) {
            static_cast<detail::wait_hook&>(each).unlink();
            each.owner().notify(each);
        });
    }
    /// co_await it: goes on at once where the event is set. False where the time was over first. Throws
    /// `cancellation`.
    waiter wait(duration limit = forever);
    /// The same up to a point in time.
    waiter wait_until(time_point end);

private:
    bool set_ = false;
    list<detail::limited_wait, detail::wait_hook> waiting_;
};

class [[nodiscard]] event::waiter : public detail::limited_wait {
public:
    template <class Limit>
    waiter(event& of, Limit limit) : limited_wait(limit), of_(of) {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return wait_unless(awaiting, [this] {
            if (!of_.set_) of_.waiting_.push_back(*this);
            return of_.set_;
        });
    }
    bool await_resume() const {
        if (is_late()) return false;
        check("wait for an event");
        return true;
    }

private:
    event& of_;
};

inline event::waiter event::wait(duration limit) { return {*this, limit}; }
inline event::waiter event::wait_until(time_point end) { return {*this, end}; }

}  // namespace aperto
