// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/backend.hpp"
#include "aperto/error.hpp"
#include "aperto/task.hpp"

#include <algorithm>
#include <cerrno>
#include <coroutine>
#include <functional>
#include <utility>

namespace aperto::detail {

/// So long after `begin`, none of it where `how_long` is negative; `time_point::max()` for what is past all
/// time, `forever` too.
inline time_point time_after(time_point begin, duration how_long) noexcept {
    const duration left = std::max(how_long, duration::zero());
    return left == forever || begin > time_point::max() - left ? time_point::max() : begin + left;
}

/// Awaits an operation that `Start` starts. Result conventions are the operation's.
template <class Operation>
class operation_awaiter : public Operation {
public:
    using Operation::Operation;

protected:
    /// In `await_suspend`: true when the coroutine stays suspended.
    template <class Promise, class Start>
    bool suspend(std::coroutine_handle<Promise> awaiting, Start&& start) {
        this->scope = scope_of(awaiting);
        if (this->scope && this->scope->cancelled()) {
            this->result = -ECANCELED;
            return false;
        }
        this->waiter = awaiting;
        if (start()) return false;
        if (this->scope) this->scope->enter(*this);
        return true;
    }
};

class sleep_awaiter : public operation_awaiter<sleep_operation> {
public:
    sleep_awaiter(backend& owner, time_point until) noexcept : operation_awaiter(owner), until_(until) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return owner().start(*this, until_); });
    }
    void await_resume() const {
        if (result < 0) throw error::from_result(result, "sleep");
    }

private:
    time_point until_;
};

class yield_awaiter : public operation_awaiter<operation> {
public:
    explicit yield_awaiter(backend& owner) noexcept : operation_awaiter(owner, kind::event) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] {
            owner().defer(*this);
            return false;
        });
    }
    void await_resume() const {
        if (scope && scope->cancelled()) throw error(errc::cancelled, "yield");
    }
};

class aside_awaiter : public operation_awaiter<aside_operation> {
public:
    aside_awaiter(backend& owner, std::function<void()> call) noexcept
        : operation_awaiter(owner), call_(std::move(call)) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return owner().start(*this, std::move(call_)); });
    }
    void await_resume() const {
        if (result < 0) throw error::from_result(result, "run aside");
    }

private:
    std::function<void()> call_;
};

}  // namespace aperto::detail
