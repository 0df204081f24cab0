// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/detail/errand.hpp"
#include "aperto/detail/limited_wait.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace aperto::detail {

/// Waits at a queue on its own loop, and is woken from any thread that holds the queue's lock.
class queue_waiter : public limited_wait {
public:
    explicit queue_waiter(duration limit) : limited_wait(limit), wake_(*this) {}
    queue_waiter(queue_waiter&& unused) noexcept
        : limited_wait(static_cast<limited_wait&&>(unused)), wake_(*this) {}
    /// Out of the queue's list already, so that nobody wakes it any more.
    ~queue_waiter() {
        if (was_posted_) owner().withdraw(wake_);
    }

    /// Out of the queue's list, whose lock the caller holds: its loop is there as long as it is in that list.
    void leave_and_wake() noexcept {
        static_cast<wait_hook&>(*this).unlink();
        if (loop::has_current() && &loop::current() == &owner()) return owner().notify(*this);
        was_posted_ = true;
        owner().post(wake_);
    }

private:
    struct wake_errand final : errand {
        explicit wake_errand(queue_waiter& of) noexcept : waiter(&of) {}
        void run() override { waiter->owner().notify(*waiter); }
        queue_waiter* waiter;
    };
    wake_errand wake_;
    bool was_posted_ = false;
};

enum class queue_answer : std::uint8_t { none, taken, closed };

template <class T>
class queue_state;

/// Takes one value out.
template <class T>
class [[nodiscard]] queue_pop : public queue_waiter {
public:
    queue_pop(std::shared_ptr<queue_state<T>> of, duration limit) : queue_waiter(limit), of_(std::move(of)) {}
    queue_pop(queue_pop&& unused) noexcept
        : queue_waiter(static_cast<queue_waiter&&>(unused)), of_(unused.of_) {}
    ~queue_pop() { of_->forget(*this); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return this->wait_unless(awaiting, [this] { return of_->pop_or_enlist(*this); });
    }
    std::optional<T> await_resume() {
        if (of_->leave(*this) == queue_answer::none) this->check("take from a queue");
        return std::exchange(value_, std::nullopt);
    }

private:
    friend class queue_state<T>;
    std::shared_ptr<queue_state<T>> of_;
    std::optional<T> value_;
    queue_answer answer_ = queue_answer::none;
};

/// Puts one value in.
template <class T>
class [[nodiscard]] queue_push : public queue_waiter {
public:
    queue_push(std::shared_ptr<queue_state<T>> of, T value, duration limit)
        : queue_waiter(limit), of_(std::move(of)), value_(std::move(value)) {}
    queue_push(queue_push&& unused) noexcept(std::is_nothrow_move_constructible_v<T>)
        : queue_waiter(static_cast<queue_waiter&&>(unused)),
          of_(unused.of_),
          value_(std::move(unused.value_)) {}
    ~queue_push() { of_->leave(*this); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return this->wait_unless(awaiting, [this] { return of_->push_or_enlist(*this); });
    }
    bool await_resume() {
        const queue_answer answer = of_->leave(*this);
        if (answer == queue_answer::none) this->check("put into a queue");
        return answer == queue_answer::taken;
    }

private:
    friend class queue_state<T>;
    std::shared_ptr<queue_state<T>> of_;
    T value_;
    queue_answer answer_ = queue_answer::none;
};

/// What a queue and its senders share. Any thread; where somebody waits in one of the lists, the other has
/// its reason: readers wait only while there is no value, writers only while there is no room.
template <class T>
class queue_state {
public:
    explicit queue_state(std::size_t capacity) : capacity_(capacity) {}

    /// Takes the value or leaves it as it is.
    bool try_push(T& value) {
        const std::lock_guard lock(guard_);
        return push(value) == queue_answer::taken;
    }
    /// Where there is no room the value that came first makes it. Nobody may wait to put one in.
    void push_over_oldest(T value) {
        const std::lock_guard lock(guard_);
        if (values_.size() == capacity_ && !closed_) values_.pop_front();
        push(value);
    }
    std::optional<T> try_pop() {
        const std::lock_guard lock(guard_);
        std::optional<T> value;
        pop(value);
        return value;
    }
    void close() noexcept {
        const std::lock_guard lock(guard_);
        closed_ = true;
        while (!readers_.empty())
            answer(readers_.front(), queue_answer::closed);
        while (!writers_.empty())
            answer(writers_.front(), queue_answer::closed);
    }
    std::size_t size() const {
        const std::lock_guard lock(guard_);
        return values_.size();
    }
    bool closed() const {
        const std::lock_guard lock(guard_);
        return closed_;
    }

    /// True where the answer is there already.
    bool pop_or_enlist(queue_pop<T>& reader) {
        const std::lock_guard lock(guard_);
        reader.answer_ = pop(reader.value_);
        if (reader.answer_ == queue_answer::none) readers_.push_back(reader);
        return reader.answer_ != queue_answer::none;
    }
    bool push_or_enlist(queue_push<T>& writer) {
        const std::lock_guard lock(guard_);
        writer.answer_ = push(writer.value_);
        if (writer.answer_ == queue_answer::none) writers_.push_back(writer);
        return writer.answer_ != queue_answer::none;
    }
    template <class Waiter>
    queue_answer leave(Waiter& waiter) noexcept {
        const std::lock_guard lock(guard_);
        static_cast<wait_hook&>(waiter).unlink();
        return waiter.answer_;
    }
    /// As `leave`; a value that it had been given and did not live to take is the next one's.
    void forget(queue_pop<T>& reader) {
        const std::lock_guard lock(guard_);
        static_cast<wait_hook&>(reader).unlink();
        if (!reader.value_) return;
        if (readers_.empty())
            values_.push_front(std::move(*reader.value_));
        else
            give(readers_.front(), *reader.value_);
    }

private:
    template <class Waiter>
    static void answer(Waiter& waiter, queue_answer what) noexcept {
        waiter.answer_ = what;
        waiter.leave_and_wake();
    }
    static void give(queue_pop<T>& reader, T& value) {
        reader.value_.emplace(std::move(value));
        answer(reader, queue_answer::taken);
    }
    queue_answer push(T& value) {
        if (closed_) return queue_answer::closed;
        if (!readers_.empty())
            give(readers_.front(), value);
        else if (values_.size() < capacity_)
            values_.push_back(std::move(value));
        else
            return queue_answer::none;
        return queue_answer::taken;
    }
    queue_answer pop(std::optional<T>& into) {
        if (values_.empty()) return closed_ ? queue_answer::closed : queue_answer::none;
        into.emplace(std::move(values_.front()));
        values_.pop_front();
        if (writers_.empty()) return queue_answer::taken;
        queue_push<T>& next = writers_.front();
        values_.push_back(std::move(next.value_));
        answer(next, queue_answer::taken);
        return queue_answer::taken;
    }

    mutable std::mutex guard_;
    std::deque<T> values_;
    const std::size_t capacity_;
    bool closed_ = false;
    list<queue_pop<T>, wait_hook> readers_;
    list<queue_push<T>, wait_hook> writers_;
};

}  // namespace aperto::detail
