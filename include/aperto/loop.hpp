// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/backend.hpp"
#include "aperto/detail/loop_awaiters.hpp"
#include "aperto/loop_options.hpp"
#include "aperto/task.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace aperto {

class loop_handle;
class root_task;
struct root_hook;

/// An event loop: it runs the coroutines of one thread and completes their operations.
///
///     auto loop = aperto::loop::create();
///     loop->run(session());                  // until that task ends
///
/// It is used on the thread that made it, which runs it; any thread may call `post` and `stop`. `now`, `read_now` and
/// `random` are its clock and its dice; what else `backend` has is for who writes awaiters or engines.
class loop : public backend {
public:
    /// A loop on the engine asked for. `engine::automatic` falls back from uring to epoll, and `why` says so. Throws
    /// `error` where the kernel refuses an engine asked for by name, and for an option that is not in its range
    /// (`errc::malformed`), with its name, its value and what it takes.
    static std::unique_ptr<loop> create(const loop_options& options = {});
    ~loop() override;

    /// The loop that runs on this thread, which there must be.
    static loop& current() noexcept;
    static bool has_current() noexcept;  ///< whether there is one

    /// Why this engine runs, for people: "io_uring, kernel 6.18", "epoll: io_uring is not permitted here".
    const std::string& why() const noexcept { return why_; }

    void run();  ///< until every spawned task has ended or `stop` is called; throws what one threw
    /// Runs until `main` has ended, and gives its result or throws its exception. Other tasks run meanwhile, and stay for
    /// the next run, or end with the loop. Throws what another threw meanwhile, and `errc::cancelled` after `stop`; `main`
    /// then stays, as any other task.
    template <class T>
    T run(task<T> main);
    /// Makes `run` return after the turn in progress, or at once where it comes later. Any thread.
    void stop() noexcept;

    /// Starts a task that nobody awaits, at once, on this thread; it may outlive the caller. It runs in
    /// `scope`, or in the loop's own, which is cancelled when the loop is destroyed.
    void spawn(task<> work, cancel_scope* scope = nullptr);
    /// Destroys every task that was spawned in `scope` or below, wherever it waits, the latest first: the last resort.
    /// Not from within one of them. What a task waits for that is not of this library must bear that its coroutine goes.
    void destroy_tasks(cancel_scope& scope) noexcept;
    /// Runs `work` on its thread, soon. Any thread. What it throws leaves `run`; what else was posted stays.
    void post(std::function<void()> work);
    using backend::post;
    loop_handle handle() const noexcept;  ///< for threads that may live longer (aperto/loop_handle.hpp)

    // ---- other descriptors, other loops

    /// Waits until `descriptor`, any that poll(2) takes, can be read without waiting, or has failed or hung up. It stays
    /// its owner's. Two may wait for one. Each wait takes a descriptor more. Throws `cancellation`, and `error` where it
    /// cannot be waited for, as in a simulation, and without descriptors.
    detail::ready_awaiter readable(int descriptor) {
        return {*this, descriptor, ready_operation::direction::reading};
    }
    /// The same, until it can be written.
    detail::ready_awaiter writable(int descriptor) {
        return {*this, descriptor, ready_operation::direction::writing};
    }

    /// In place of `run`, where another loop runs this thread: one turn, without waiting. Afterwards there is nothing to
    /// do before `poll_descriptor` is readable or `next_deadline` has come; what the thread does meanwhile with the loop's
    /// objects (sets an event, writes, cancels) makes it readable. False when every task has ended, and after `stop`.
    /// Throws what a spawned task threw; it is then to be called again.
    bool poll();
    /// What is readable when `poll` has something to do; the loop's own. Throws `error` on every engine but epoll,
    /// which has one: `loop::create({.which = engine::epoll})`.
    int poll_descriptor() const;
    /// When `poll` is due at the latest: the least of all times for now, the greatest for never.
    time_point next_deadline() const noexcept;

    /// Sockets, tasks, timers and lent buffers in use: what a test compares before and after.
    census count() const noexcept override;

protected:
    using backend::poll;
    /// `epoch`: the engine's time now.
    explicit loop(time_point epoch = clock::now());
    void set_why(std::string why) { why_ = std::move(why); }

    /// For an engine that runs the turns itself: one turn, whether every task has ended, and what one threw, or null.
    void run_turn(bool may_wait);
    bool ended() const noexcept;
    std::exception_ptr take_failure() noexcept;
    /// Destroys every task that is left: for an engine's destructor, while it can still give operations up.
    void drop_tasks() noexcept;

private:
    friend class root_task;
    class spawned;
    void keep_failure(std::exception_ptr why) noexcept;
    bool is_to_end() const noexcept;

    std::string why_;
    list<root_task, root_hook> roots_;
    std::size_t root_count_ = 0;
    std::exception_ptr failure_;
    cancel_scope scope_;
    std::atomic<bool> stopped_ = false;
    bool due_ = true;  ///< whoever polls has something to do at once
};

}  // namespace aperto

#include "aperto/detail/loop_run.hpp"
