// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <cstddef>
#include <memory>
#include <utility>

namespace aperto {

/// Tasks that run together and end together.
///
///     aperto::task_group both;
///     both.spawn(read_side(peer));
///     both.spawn(write_side(peer));
///     co_await both.join();
///
/// The first exception cancels the others; `join` waits for all of them and then throws it. Cancelling the
/// task that joins cancels the group. A group that is destroyed before it was joined, by an exception on the
/// way there, cancels its tasks and leaves them to end by themselves: what they use must then outlive the
/// group. One thread.
class task_group {
public:
    /// On the current loop, cancelled with `parent` where one is given. Throws std::bad_alloc.
    explicit task_group(cancel_scope* parent = nullptr);
    ~task_group();
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;

    /// Starts `work` at once.
    void spawn(task<> work);
    /// Ends the waits of every task in the group; they are still to be joined.
    void cancel() noexcept;
    /// co_await it: waits until every task has ended. Throws the first exception.
    task<> join();
    /// Tasks that have not ended.
    std::size_t running() const noexcept;

private:
    struct shared_state;
    static task<> run(std::shared_ptr<shared_state> group, task<> work);
    std::shared_ptr<shared_state> state_;  ///< of the group and of each task in it
};

}  // namespace aperto
