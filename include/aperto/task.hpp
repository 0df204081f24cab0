// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cancel.hpp"
#include "aperto/cxx20.hpp"
#include "aperto/detail/coroutine_frame.hpp"

#include <algorithm>
#include <cassert>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <utility>

namespace aperto {

namespace detail {

/// Memory for coroutine frames: per-thread free lists by size, so that a call of a coroutine costs no malloc
/// once warm. A frame may be freed on another thread than it was made on. Under a sanitizer it is plain
/// operator new.
void* allocate_frame(std::size_t bytes);
void free_frame(void* frame, std::size_t bytes) noexcept;

/// What every aperto coroutine carries: who waits for it, and the scope in which it can be cancelled.
class promise_base {
public:
    static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
    static void operator delete(void* frame, std::size_t bytes) noexcept { free_frame(frame, bytes); }

    struct final_awaiter {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
            promise_base& promise = ended.promise();
            // While the awaiting side is still inside its own await_suspend it sees by done() that we ended,
            // and goes on without having suspended: a loop of a million calls that end at once uses no stack,
            // at -O0 too.
            if (promise.starting_ || !promise.continuation_) return std::noop_coroutine();
            return promise.continuation_;
        }
        void await_resume() const noexcept {}
    };
    final_awaiter final_suspend() const noexcept { return {}; }

    cancel_scope* scope() const noexcept { return scope_; }
    void set_scope(cancel_scope* scope) noexcept { scope_ = scope; }

    /// Of waits that were refused, as the scope is cancelled, its own or those of a task that it awaited: false
    /// where it has not ended after so many of them, and is to be let go.
    bool may_go_on(std::uint16_t refusals = 1) noexcept {
        constexpr std::uint16_t refusals_max = 1000;
        refusals_ = static_cast<std::uint16_t>(std::min(refusals_ + refusals, +refusals_max));
        return refusals_ < refusals_max;
    }

private:
    template <class T, class Promise>
    friend class task_awaiter;
    std::coroutine_handle<> continuation_;
    cancel_scope* scope_ = nullptr;
    bool starting_ = false;
    std::uint16_t refusals_ = 0;
};

/// The scope of an awaiting coroutine, null where it is not one of ours.
template <class Promise>
cancel_scope* scope_of(std::coroutine_handle<Promise> awaiting) noexcept {
    if constexpr (std::is_base_of_v<promise_base, Promise>)
        return awaiting.promise().scope();
    else
        return nullptr;
}

template <class T>
class task_promise;

}  // namespace detail

/// A coroutine that gives one `T` to the one who awaits it.
///
///     aperto::task<int> answer() { co_return 42; }
///     int n = co_await answer();
///
/// Lazy: it starts when it is awaited, on the awaiting thread, and its exception is thrown out of the
/// `co_await`. It runs in the cancel scope of the task that awaits it. Awaited once. Dropping a task that
/// never started, or that is suspended, destroys its frame and everything in it.
template <class T = void>
class [[nodiscard]] task {
public:
    using promise_type = detail::task_promise<T>;
    /// What awaiting it gives.
    using value_type = T;

    task() noexcept = default;
    task(task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    task& operator=(task&& other) noexcept {
        if (this != &other) {
            if (frame_) frame_.destroy();
            frame_ = std::exchange(other.frame_, {});
        }
        return *this;
    }
    ~task() {
        if (frame_) frame_.destroy();
    }

    /// Whether there is a task: false by default, and after a move.
    explicit operator bool() const noexcept { return static_cast<bool>(frame_); }

    /// Runs the task in `scope` rather than in that of the one who awaits it. Before it is awaited.
    task& in(cancel_scope& scope) & noexcept {
        frame_.promise().set_scope(&scope);
        return *this;
    }
    /// The same, to pass on at once: `co_await work().in(scope)`.
    task&& in(cancel_scope& scope) && noexcept {
        frame_.promise().set_scope(&scope);
        return std::move(*this);
    }

    auto operator co_await() && noexcept;
    auto operator co_await() & noexcept;

private:
    friend promise_type;
    explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class T>
class task_promise final : public promise_base {
public:
    task<T> get_return_object() noexcept {
        return task<T>(std::coroutine_handle<task_promise>::from_promise(*this));
    }
    frame_check<task_promise> initial_suspend() noexcept { return {*this}; }
    template <class U>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }
    T result() {
        if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
        assert(value_);
        return std::move(*value_);
    }

private:
    std::optional<T> value_;
    std::exception_ptr exception_;
};

template <>
class task_promise<void> final : public promise_base {
public:
    task<void> get_return_object() noexcept {
        return task<void>(std::coroutine_handle<task_promise>::from_promise(*this));
    }
    frame_check<task_promise> initial_suspend() noexcept { return {*this}; }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }
    void result() {
        if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
    }

private:
    std::exception_ptr exception_;
};

template <class T, class Promise>
class task_awaiter {
public:
    explicit task_awaiter(std::coroutine_handle<Promise> frame) noexcept : frame_(frame) {}
    bool await_ready() const noexcept {
        assert(frame_ && "a task is awaited once, and not after it was moved from");
        return frame_.done();
    }
    template <class Awaiting>
    bool await_suspend(std::coroutine_handle<Awaiting> awaiting) {
        if (start(awaiting, scope_of(awaiting))) return true;
        const promise_base& promise = frame_.promise();
        if constexpr (std::is_base_of_v<promise_base, Awaiting>) {
            if (promise.refusals_ > 0) return !awaiting.promise().may_go_on(promise.refusals_);
        }
        return false;
    }
    /// Runs it until it waits, in `scope` where it has none; `next` is resumed at its end. False where it has
    /// ended.
    bool start(std::coroutine_handle<> next, cancel_scope* scope) {
        promise_base& promise = frame_.promise();
        promise.continuation_ = next;
        if (!promise.scope_) promise.scope_ = scope;
        promise.starting_ = true;
        frame_.resume();
        promise.starting_ = false;
        return !frame_.done();
    }
    T await_resume() { return frame_.promise().result(); }

private:
    std::coroutine_handle<Promise> frame_;
};

}  // namespace detail

template <class T>
auto task<T>::operator co_await() && noexcept {
    return detail::task_awaiter<T, promise_type>(frame_);
}

template <class T>
auto task<T>::operator co_await() & noexcept {
    return detail::task_awaiter<T, promise_type>(frame_);
}

}  // namespace aperto
