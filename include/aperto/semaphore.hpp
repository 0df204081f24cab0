// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/detail/limited_wait.hpp"

#include <cstddef>
#include <utility>

namespace aperto {

/// So many permits, for tasks of one loop that share something: connections to a database, requests in
/// flight.
///
///     aperto::semaphore connections(8);
///     const auto permit = co_await connections.acquire();   // given back where `permit` ends
///
/// First come, first served. The loop's thread; it outlives its permits and those who wait. A wait allocates
/// nothing.
class semaphore {
public:
    class [[nodiscard]] permit;
    class [[nodiscard]] waiter;

    /// 0 is allowed: all then wait, until a limit or a cancel.
    explicit semaphore(std::size_t permits) noexcept : free_(permits) {}
    semaphore(const semaphore&) = delete;
    semaphore& operator=(const semaphore&) = delete;

    /// Permits that nobody has.
    std::size_t available() const noexcept { return free_; }
    /// An empty permit where there is none without waiting.
    permit try_acquire() noexcept;
    /// co_await it. Throws `cancellation`, and `errc::deadline` after `limit`.
    waiter acquire(duration limit = forever);

private:
    bool take() noexcept {
        if (free_ == 0) return false;  // else nobody waits
        --free_;
        return true;
    }
    void give_back() noexcept;

    std::size_t free_;
    list<waiter, detail::wait_hook> waiting_;
};

/// One of them, given back where it ends. Moved, not copied.
class [[nodiscard]] semaphore::permit {
public:
    permit() noexcept = default;
    permit(permit&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    permit& operator=(permit&& other) noexcept {
        std::swap(of_, other.of_);
        return *this;
    }
    ~permit() {
        if (of_) of_->give_back();
    }
    /// Whether it is one: false of what `try_acquire` did not get, and after a move.
    explicit operator bool() const noexcept { return of_ != nullptr; }

private:
    friend class semaphore;
    friend class waiter;
    explicit permit(semaphore& of) noexcept : of_(&of) {}
    semaphore* of_ = nullptr;
};

class [[nodiscard]] semaphore::waiter : public detail::limited_wait {
public:
    waiter(semaphore& of, duration limit) : limited_wait(limit), of_(of) {}
    waiter(waiter&& unused) noexcept : limited_wait(static_cast<limited_wait&&>(unused)), of_(unused.of_) {}
    ~waiter() {
        if (!has_permit_) return;
        // It had its permit and did not live to use it.
        static_cast<detail::wait_hook&>(*this).unlink();
        of_.give_back();
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return wait_unless(awaiting, [this] {
            has_permit_ = of_.take();
            if (!has_permit_) of_.waiting_.push_back(*this);
            return has_permit_;
        });
    }
    permit await_resume() {
        if (!has_permit_) check("acquire a permit");
        has_permit_ = false;
        return permit(of_);
    }

private:
    friend class semaphore;
    semaphore& of_;
    bool has_permit_ = false;
};

inline semaphore::waiter semaphore::acquire(duration limit) { return {*this, limit}; }

inline semaphore::permit semaphore::try_acquire() noexcept { return take() ? permit(*this) : permit(); }

inline void semaphore::give_back() noexcept {
    while (!waiting_.empty()) {
        waiter& next = waiting_.front();
        static_cast<detail::wait_hook&>(next).unlink();
        if (next.where() != operation::state::pending) continue;  // it was cancelled, or came too late
        next.has_permit_ = true;
        return next.owner().notify(next);
    }
    ++free_;
}

}  // namespace aperto
