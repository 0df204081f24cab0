// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/backend.hpp"
#include "aperto/error.hpp"
#include "aperto/task.hpp"

#include <algorithm>
#include <cerrno>
#include <coroutine>
#include <functional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace aperto::detail {

/// So long after `begin`, none of it where `how_long` is negative; `time_point::max()` for what is past all
/// time, `forever` too.
inline time_point time_after(time_point begin, duration how_long) noexcept {
    const duration left = std::max(how_long, duration::zero());
    return left == forever || begin > time_point::max() - left ? time_point::max() : begin + left;
}

/// What is left at `now` of the time until then: none where it is past, `forever` until `time_point::max()`.
inline duration time_left(time_point until, time_point now) noexcept {
    return until == time_point::max() ? forever : std::max(until - now, duration::zero());
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
        if constexpr (std::is_base_of_v<promise_base, Promise>) {
            if (is_cancelled()) {
                this->result = -ECANCELED;
                return !awaiting.promise().may_go_on();
            }
        }
        this->waiter = awaiting;
        if (start()) return false;
        if (this->scope) this->scope->enter(*this);
        return true;
    }
    bool is_cancelled() const noexcept { return this->scope && this->scope->cancelled(); }
    /// In `await_resume`: what ended with its scope throws `cancellation`, another failure `error`.
    void check_result(std::string_view tried) const {
        if (this->result >= 0) return;
        if (this->result == -ECANCELED && is_cancelled()) throw cancellation();
        throw error::from_result(this->result, tried);
    }
};

/// Tells a coroutine the scope it runs in.
class scope_awaiter {
public:
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
        scope_ = scope_of(awaiting);
        return false;
    }
    cancel_scope* await_resume() const noexcept { return scope_; }

private:
    cancel_scope* scope_ = nullptr;
};

class [[nodiscard]] sleep_awaiter : public operation_awaiter<sleep_operation> {
public:
    sleep_awaiter(backend& owner, time_point until) noexcept : operation_awaiter(owner), until_(until) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return owner().start(*this, until_); });
    }
    void await_resume() const { check_result("sleep"); }

private:
    time_point until_;
};

class [[nodiscard]] yield_awaiter : public operation_awaiter<operation> {
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
        if (is_cancelled()) throw cancellation();
    }
};

class [[nodiscard]] ready_awaiter : public operation_awaiter<ready_operation> {
public:
    ready_awaiter(backend& owner, int descriptor, direction which) noexcept
        : operation_awaiter(owner, which), descriptor_(descriptor) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return owner().start_ready(descriptor_, *this); });
    }
    void await_resume() const { check_result("wait for a descriptor"); }

private:
    int descriptor_;
};

class [[nodiscard]] aside_awaiter : public operation_awaiter<aside_operation> {
public:
    aside_awaiter(backend& owner, std::function<void()> call) noexcept
        : operation_awaiter(owner), call_(std::move(call)) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return owner().start(*this, std::move(call_)); });
    }
    void await_resume() const { check_result("run aside"); }

private:
    std::function<void()> call_;
};

}  // namespace aperto::detail
