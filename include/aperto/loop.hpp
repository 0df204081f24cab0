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
#include <type_traits>
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

    /// Sockets, tasks, timers and lent buffers in use: what a test compares before and after.
    census count() const noexcept override;

protected:
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
    void destroy(root& task) noexcept;

    std::string why_;
    list<root> roots_;
    std::size_t root_count_ = 0;
    std::exception_ptr failure_;
    cancel_scope scope_;
    std::atomic<bool> stopped_ = false;
};

/// Waits on the current loop. Throws `cancellation` when its scope is cancelled.
inline detail::sleep_awaiter sleep(duration how_long) {
    loop& on = loop::current();
    return {on, detail::time_after(on.read_now(), how_long)};
}
/// The same up to a point in the loop's own time.
inline detail::sleep_awaiter sleep_until(time_point when) { return {loop::current(), when}; }

/// Lets everything else that is ready on the current loop have its turn first: for a task that has long work
/// to do, between two pieces of it. Throws `cancellation` when its scope is cancelled.
///
///     for (const row& each : table) {
///         add(each);
///         co_await aperto::yield();
///     }
inline detail::yield_awaiter yield() { return detail::yield_awaiter(loop::current()); }

/// Runs a blocking call on a helper thread and gives its result; what it throws is thrown here. A caller who
/// is cancelled goes on at once; the call runs to its end and its result is dropped, so it must own what it
/// touches.
template <class Call>
task<std::invoke_result_t<Call&>> aside(Call call);

}  // namespace aperto

#include "aperto/detail/loop_run.hpp"
