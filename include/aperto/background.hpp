// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/event.hpp"
#include "aperto/time.hpp"

namespace aperto {

/// What a server tells a task of its `options.background`: when to end.
///
///     aperto::task<> keep_cache(aperto::background& here) {
///         cache mine;
///         for (bool over = false; !over; over = co_await here.stopping(1s)) mine.refresh();
///         co_await here.drained();
///     }
///
/// The task starts before its worker accepts a client, runs on the worker's loop, and may leave its state where
/// the worker's handlers find it, in a `thread_local` or by `index`; where it throws, conversations go on until the
/// drain has ended them, so it takes that away again. Once the last conversation has ended it has
/// what is left of `drain_deadline`; then it is cancelled, and destroyed where that does not end it. One thread.
class background {
public:
    /// co_await it: true when the server stops, false when `limit` passed before. The conversations in progress
    /// still go on then. Throws `cancellation`.
    event::waiter stopping(duration limit = forever) { return stopping_.wait(limit); }
    /// co_await it: true when the last conversation has ended after that, and nobody needs any more what handlers
    /// use; false when `limit` passed before. Throws `cancellation`.
    event::waiter drained(duration limit = forever) { return drained_.wait(limit); }
    /// Whether the server stops, without waiting.
    bool is_stopping() const noexcept { return stopping_.is_set(); }
    /// Which of the server's workers it is, from 0.
    unsigned index() const noexcept { return index_; }

private:
    friend class worker;
    explicit background(unsigned index) noexcept : index_(index) {}
    event stopping_;
    event drained_;
    unsigned index_;
};

}  // namespace aperto
