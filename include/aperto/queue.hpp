// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/detail/queue_state.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace aperto {

/// The end of a queue into which others put: copied as one likes, used on any thread, and good for longer
/// than the queue itself, which then refuses.
template <class T>
class queue_sender {
public:
    /// Puts it in where there is room, without waiting. False where the queue is full or closed; `value` is
    /// then as it was.
    bool try_push(T&& value) const { return state_->try_push(value); }
    /// The same with a copy.
    bool try_push(const T& value) const { return try_push(T(value)); }
    /// co_await it, on a loop: waits for room. False where the queue is closed. Throws `cancellation`, and
    /// `errc::deadline` after `limit`; the value was then not put in.
    detail::queue_push<T> push(T value, duration limit = forever) const {
        return detail::queue_push<T>(state_, std::move(value), limit);
    }
    /// Values in the queue.
    std::size_t size() const { return state_->size(); }
    /// Whether nothing more is put in.
    bool closed() const { return state_->closed(); }

private:
    template <class>
    friend class queue;
    explicit queue_sender(std::shared_ptr<detail::queue_state<T>> state) noexcept
        : state_(std::move(state)) {}
    std::shared_ptr<detail::queue_state<T>> state_;
};

/// Values on their way from any number of tasks and threads to those who take them out, in order; at most
/// `capacity` of them, so that who puts in faster than others take out waits, or is told.
///
///     aperto::queue<std::string> outbox(100);
///     room.add(outbox.sender());                        // others: sender.try_push(line)
///     while (auto line = co_await outbox.pop()) co_await peer.write(*line);
///
/// The queue stands where its values are taken out. When it goes, it is closed: senders are refused from then
/// on, and those that wait are told so. A task that waits costs no allocation; the values are in a
/// std::deque.
template <class T>
class queue {
public:
    /// 0 counts as 1.
    explicit queue(std::size_t capacity)
        : to_(std::make_shared<detail::queue_state<T>>(capacity > 0 ? capacity : 1)) {}
    ~queue() { close(); }
    queue(const queue&) = delete;
    queue& operator=(const queue&) = delete;

    /// The end into which others put.
    queue_sender<T> sender() const noexcept { return to_; }
    /// As a sender's.
    bool try_push(T&& value) { return to_.try_push(std::move(value)); }
    /// As a sender's.
    bool try_push(const T& value) { return to_.try_push(value); }
    /// As a sender's.
    detail::queue_push<T> push(T value, duration limit = forever) {
        return to_.push(std::move(value), limit);
    }

    /// co_await it, on a loop: the next value; none where the queue is closed and empty. Throws
    /// `cancellation`, and `errc::deadline` after `limit`. Several tasks may wait, on several loops: first
    /// come, first served.
    detail::queue_pop<T> pop(duration limit = forever) { return detail::queue_pop<T>(to_.state_, limit); }
    /// None where there is none now.
    std::optional<T> try_pop() { return to_.state_->try_pop(); }

    /// Any thread. Nothing more is put in; what is in is still taken out. Idempotent.
    void close() noexcept { to_.state_->close(); }
    /// Values in the queue. Any thread.
    std::size_t size() const { return to_.size(); }
    /// Whether nothing more is put in. Any thread.
    bool closed() const { return to_.closed(); }

private:
    queue_sender<T> to_;
};

}  // namespace aperto
