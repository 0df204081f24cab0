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

/// An event loop: it runs the coroutines of one thread and completes their operations.
///
///     auto loop = aperto::loop::create();
///     loop->run(session());                  // until that task ends
///
/// Everything of a loop is used on the thread that made it, which runs it; any thread may call `post` and
/// `stop`. `now`, `read_now` and `random` are its clock and its dice; what else `backend` has is for who
/// writes awaiters or engines.
class loop : public backend {
public:
    /// A loop on the engine asked for. `engine::automatic` falls back from uring to epoll and says why in
    /// `why()`; an engine asked for by name that the kernel refuses throws `error`, and so does an option
    /// that is not in its range (`errc::malformed`), with its name, its value and what it takes.
    static std::unique_ptr<loop> create(const loop_options& options = {});
    ~loop() override;

    /// The loop that runs on this thread. Asserts that there is one.
    static loop& current() noexcept;
    /// Whether a loop runs on this thread.
    static bool has_current() noexcept;

    /// One line on why this engine runs, for people: "io_uring, kernel 6.18", "epoll: io_uring is not
    /// permitted here".
    const std::string& why() const noexcept { return why_; }

    /// Runs until every spawned task has ended or `stop` is called. Throws what a spawned task threw.
    void run();
    /// Runs until `main` has ended, and gives its result or throws its exception. Other tasks run meanwhile;
    /// those still there stay for the next run, or end with the loop. Throws what another task threw
    /// meanwhile, and `errc::cancelled` where `stop` was called; `main` then stays, as any other task.
    template <class T>
    T run(task<T> main);
    /// Makes `run` return after the turn in progress. Any thread; also before `run`, which then returns at
    /// once.
    void stop() noexcept;

    /// Starts a task that nobody awaits, at once, on this thread; it may outlive the caller. It runs in
    /// `scope`, or in the loop's own, which is cancelled when the loop is destroyed.
    void spawn(task<> work, cancel_scope* scope = nullptr);
    /// Destroys every task that was spawned in `scope` or below, wherever it waits, the latest first: the last
    /// resort, for those that did not end when it was cancelled. Not from within one of them. What a task
    /// waits for that is not of this library must bear that its coroutine goes.
    void destroy_tasks(cancel_scope& scope) noexcept;
    /// Runs `work` on the loop's thread, soon. Any thread. What `work` throws leaves `run`; what else was
    /// posted stays for the next one.
    void post(std::function<void()> work);
    using backend::post;
    /// For threads that may live longer than the loop (aperto/loop_handle.hpp).
    loop_handle handle() const noexcept;

    // ---- other descriptors, other loops

    /// Waits until `descriptor`, any that poll(2) takes, can be read without waiting, or has failed or hung up: for
    /// another library's connection, a pipe, a timerfd. It stays its owner's. Two may wait for one. Each
    /// wait takes a descriptor more. Throws `cancellation`, and `error` where it cannot be waited for, as in a
    /// simulation, and without descriptors.
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

    /// For an engine that runs the turns itself (the simulation): one turn, whether every task has ended,
    /// and what a spawned task threw; null where none did.
    void run_turn(bool may_wait);
    bool ended() const noexcept;
    std::exception_ptr take_failure() noexcept;
    /// Makes a loop the current one of this thread, for as long as the guard lives.
    class current_guard {
    public:
        explicit current_guard(loop& now) noexcept;
        ~current_guard();
        current_guard(const current_guard&) = delete;
        current_guard& operator=(const current_guard&) = delete;

    private:
        loop* before_;
    };
    /// Destroys every task that is left. An engine's destructor calls it while it can still give operations
    /// up.
    void drop_tasks() noexcept;

private:
    struct root;
    class root_task;
    static root_task run_root(loop& on, task<> work);
    void keep_failure(std::exception_ptr why) noexcept;
    bool is_to_end() const noexcept;
    void destroy(root& task) noexcept;

    std::string why_;
    list<root> roots_;
    std::size_t root_count_ = 0;
    std::exception_ptr failure_;
    cancel_scope scope_;
    std::atomic<bool> stopped_ = false;
    bool due_ = true;  ///< whoever polls has something to do at once
};

}  // namespace aperto

#include "aperto/detail/loop_run.hpp"
