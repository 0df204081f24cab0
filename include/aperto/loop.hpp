// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "aperto/error.hpp"
#include "aperto/operation.hpp"
#include "aperto/task.hpp"
#include "aperto/tcp_facts.hpp"
#include "aperto/time.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace aperto {

class timer_wheel;
class mailbox;
class memory_account;
class errand;
class loop_handle;

/// What completes the operations of a loop.
enum class engine {
    automatic,  ///< io_uring where the kernel allows it, else epoll
    uring,      ///< io_uring (Linux 6.1 or newer)
    epoll,      ///< epoll: wherever Linux runs
    simulated,  ///< virtual time and a seeded network (aperto/sim.hpp)
};
std::string_view to_string(engine which) noexcept;

struct loop_options {
    engine which = engine::automatic;
    /// Receive buffers that the loop lends, each of `receive_buffer_size` bytes. A power of two from 2 to
    /// 32,768; they are memory only once used. When all are lent, connections wait for one in the order in
    /// which they asked.
    std::uint32_t receive_buffers = 128;
    /// Larger than the usual 16 KB of a message with its framing, which then needs no copy. Bytes, from 64 to
    /// 16 MiB.
    std::uint32_t receive_buffer_size = 32 * 1024;
    /// Bytes of one buffer more, for connections that bring much at a time: each of them uses it in turn, so
    /// that it stays in the cache, and few system calls move much. Up to 256 MiB; not larger than the others:
    /// none.
    std::uint32_t bulk_buffer_size = 256 * 1024;
};

/// Whether other listeners of the same user may have the port too (SO_REUSEPORT, socket(7)).
enum class port_sharing {
    exclusive,  ///< nobody; the port must be free
    first,      ///< the port must be free; once it is ours, others may join
    join,       ///< joins those who have it: the kernel spreads the clients over them
};

/// Bytes written that the kernel keeps unsent for one connection before it takes no more, by default: enough
/// that it never runs dry between two turns, little enough that a thousand clients who do not read cost 128
/// MiB and not 4 GiB.
inline constexpr std::uint32_t unsent_max_default = 128 * 1024;

/// Socket options of a listener and of every connection it accepts.
struct listen_options {
    int backlog = 4096;  ///< the kernel caps it at net.core.somaxconn
    port_sharing sharing = port_sharing::exclusive;
    bool dual_stack = true;  ///< an IPv6 listener takes IPv4 too (IPV6_V6ONLY off, ipv6(7))
    bool save_syn = true;    ///< keep the client's SYN for `tcp_facts` (TCP_SAVE_SYN)
    bool no_delay = true;    ///< TCP_NODELAY, tcp(7)
    duration keepalive = std::chrono::seconds(60);     ///< first probe after so long idle; zero: none
    duration user_timeout = std::chrono::seconds(60);  ///< TCP_USER_TIMEOUT, RFC 5482; zero: the kernel's
    /// Bytes, TCP_NOTSENT_LOWAT, tcp(7); zero: as many as its send buffer grows to, 4 MiB mostly.
    std::uint32_t unsent_max = unsent_max_default;
};

struct connect_options {
    bool no_delay = true;
    duration keepalive = std::chrono::seconds(60);
    duration user_timeout = std::chrono::seconds(60);
    std::uint32_t unsent_max = unsent_max_default;
};

/// An event loop: it runs the coroutines of one thread and completes their operations.
///
///     auto loop = aperto::loop::create();
///     loop->run(session());                  // until that task ends
///
/// Everything of a loop is used on the thread that made it, which runs it; any thread may call `post` and
/// `stop`.
///
/// This class is also the seam: the members under "the seam" are what a backend gives. Each operation is
/// completed exactly once: either the call that starts it returns true and the result is there (complete,
/// nothing will be called), or it returns false and the loop will call `on_complete` from the top of a later
/// turn.
class loop {
public:
    /// A loop on the engine asked for. `engine::automatic` falls back from uring to epoll and says why in
    /// `why()`; an engine asked for by name that the kernel refuses throws `error`, and so does an option
    /// that is not in its range (`errc::malformed`), with its name, its value and what it takes.
    static std::unique_ptr<loop> create(const loop_options& options = {});
    virtual ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    /// The loop that runs on this thread. Asserts that there is one.
    static loop& current() noexcept;
    static bool has_current() noexcept;

    virtual engine which() const noexcept = 0;
    /// One line on why this engine runs, for people: "io_uring, kernel 6.18", "epoll: io_uring is not
    /// permitted here".
    const std::string& why() const noexcept { return why_; }

    // ---- running

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
    /// Runs `work` on the loop's thread, soon. Any thread. What `work` throws leaves `run`; what else was
    /// posted stays for the next one.
    void post(std::function<void()> work);
    /// For threads that may live longer than the loop (aperto/loop_handle.hpp).
    loop_handle handle() const noexcept;
    /// The library's own: as `post`, without an allocation (io/mailbox.hpp).
    void post(errand& what) noexcept;
    void withdraw(errand& what) noexcept;

    /// The time of this turn: read as it began, or since then by `read_now`.
    time_point now() const noexcept { return now_; }
    /// The time of this moment, for a wait that follows long work.
    time_point read_now() noexcept {
        refresh_now();
        return now_;
    }
    /// The same to within a tick of the kernel's clock (CLOCK_MONOTONIC_COARSE, 1 to 10 ms), for a fifth of
    /// the cost: what a deadline counts from after work of unknown length.
    time_point read_now_coarsely() noexcept;
    /// A number that changes each turn.
    std::uint64_t turn() const noexcept { return turn_; }
    /// 64 bits, for jitter and the like: seeded by the system, or by the simulation's seed. Not for secrets.
    virtual std::uint64_t random() = 0;

    // ---- timers, hooks, cancellation

    void arm(timer& alarm, time_point when) noexcept;
    void disarm(timer& alarm) noexcept;
    void at_turn_end(turn_hook& hook) noexcept;
    /// How much later than it was set for a timer fires now. To be asked in its action.
    duration lateness(const timer& firing) const noexcept;
    /// Completes an operation that is not in flight, with result 0, when everything else that is ready has
    /// had its turn: for who has more to do than its share. A cancel does not hasten it.
    void defer(operation& more) noexcept;

    /// Asks that an operation in flight end early. It still completes, later, once: with -ECANCELED, or with
    /// its result where that came first.
    void cancel(operation& waiting) noexcept;
    /// Gives an operation up at once, without a completion: its memory may go when this returns. What had
    /// already come for it is given back or closed.
    void abandon(operation& waiting) noexcept;

    bool start(sleep_operation& sleep, time_point until) noexcept;
    /// An operation of kind `event` waits from `expect` until somebody calls `notify` for it, or it is
    /// cancelled.
    void expect(operation& event) noexcept;
    void notify(operation& event, int result = 0) noexcept;
    /// Runs `call` on a helper thread.
    virtual bool start(aside_operation& aside, std::function<void()> call);

    // ---- the seam: sockets

    /// A socket that listens on `where`; port 0 takes any free port (see `local`). Throws `error`.
    virtual socket_id listen(const endpoint& where, const listen_options& options) = 0;
    virtual bool start_accept(socket_id listener, accept_operation& accept) = 0;
    /// Takes a client that the kernel has completed, whatever share of the turn was used; false where there
    /// is none. For who is about to close the listener.
    virtual bool accept_queued(socket_id listener, accept_operation& accept) = 0;
    virtual bool start_connect(const endpoint& to, const connect_options& options,
                               connect_operation& connect) = 0;
    virtual bool start_receive(socket_id from, receive_operation& receive) = 0;
    virtual void give_back(lent_bytes bytes) noexcept = 0;
    /// Few buffers are left: who may hold one for long had better copy and give it back.
    virtual bool is_short_of_buffers() const noexcept { return false; }
    /// Bytes of memory that the loop holds because they arrived before anybody received them; charged to
    /// `charge`'s account, which outlives the socket.
    virtual std::size_t held(socket_id) const noexcept { return 0; }
    virtual void charge(socket_id, memory_account*) noexcept {}
    /// Throws them away: the stream then has a gap, so that nothing of it may be used any more.
    virtual void drop_held(socket_id) noexcept {}
    virtual bool start_send(socket_id to, send_operation& send) = 0;
    /// Ends the sending direction (shutdown(2), SHUT_WR): the peer reads the end of the stream. 0 or a
    /// negative errno.
    virtual int shutdown_send(socket_id which) noexcept = 0;
    /// Closes the socket. No operation of it may be in flight. `reset`: with RST, whatever is unsent is
    /// dropped.
    virtual void close(socket_id which, bool reset = false) noexcept = 0;

    /// This side's, and the other side's address. None where the socket is gone.
    virtual endpoint local(socket_id which) const noexcept = 0;
    virtual endpoint remote(socket_id which) const noexcept = 0;
    virtual tcp_facts facts(socket_id which) const = 0;
    /// The descriptor, for what this library does not offer; -1 where there is none (a simulation).
    virtual int native_handle(socket_id which) const noexcept = 0;
    /// Every address of `name`, numeric ones too, in the order to try them (getaddrinfo(3), RFC 6724).
    /// Blocks: called through `resolve` (aperto/resolve.hpp), which runs it aside. Throws `error`.
    virtual std::vector<endpoint> look_up(const std::string& name, std::uint16_t port);

    /// Sockets, operations and buffers that are in use: what a test compares before and after.
    struct census {
        std::size_t sockets = 0;
        std::size_t tasks = 0;
        std::size_t timers = 0;
        std::size_t lent_buffers = 0;
        bool operator==(const census&) const = default;
    };
    virtual census count() const noexcept;

protected:
    /// `epoch`: the backend's time now.
    explicit loop(time_point epoch = clock::now());

    /// Submits what is to be submitted, waits for completions until `until` at the longest
    /// (`time_point::min()`: not at all; `time_point::max()`: as long as it takes) or until `interrupt`, and
    /// completes what has come.
    virtual void poll(time_point until) = 0;
    /// Ends a `poll` in progress, or the next one. Any thread.
    virtual void interrupt() noexcept = 0;
    virtual time_point read_clock() const noexcept;
    /// As `cancel`, for an operation on a socket that is pending: afterwards it is completed by
    /// `complete_later`, now or when the kernel has answered.
    virtual void cancel_pending(operation& waiting) noexcept = 0;
    virtual void abandon_pending(operation& waiting) noexcept = 0;

    /// To be called by a backend: from the top of a turn (`complete`), or anywhere (`complete_later`).
    void complete(operation& done, int result);
    void complete_later(operation& done, int result) noexcept;
    /// To be called by a backend that accepted an operation.
    void mark_pending(operation& started) noexcept;

    /// One turn: what is ready, the hooks, then `poll`, then the timers.
    void run_turn(bool may_wait);
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
    /// Destroys every task that is left. A backend's destructor calls it while it can still give operations
    /// up.
    void drop_tasks() noexcept;
    /// What other threads post from now on is dropped; none of them calls `interrupt` any more when this
    /// returns. For a backend's destructor, which takes away what `interrupt` uses.
    void close_mailbox() noexcept;
    bool has_ready() const noexcept { return !ready_.empty(); }
    /// Something is to be done before the loop may wait.
    bool has_work() const noexcept;
    /// Every task has ended, and nothing is left to run.
    bool ended() const noexcept;
    /// What a spawned task threw, for a backend that runs the turns itself; null where none did.
    std::exception_ptr take_failure() noexcept;
    /// When `poll` must be over for no timer to be late; `time_point::max()` with none set.
    time_point next_timer() const noexcept;
    void set_why(std::string why) { why_ = std::move(why); }
    void refresh_now() noexcept { now_ = read_clock(); }

private:
    friend class mailbox;
    friend class sleep_operation;  // its alarm completes it
    struct root;
    class root_task;
    class aside_report;
    static root_task run_root(loop& on, task<> work);
    void keep_failure(std::exception_ptr why) noexcept;
    void run_ready();
    void run_deferred();
    bool end_own_wait(operation& waiting) noexcept;
    void drop_result(operation& ready) noexcept;
    void run_hooks();
    void fire_timers();
    std::uint64_t tick_at(time_point when) const noexcept;

    std::string why_;
    const time_point epoch_;
    time_point now_;
    std::uint64_t turn_ = 0;
    std::unique_ptr<timer_wheel> timers_;
    list<operation, queue_hook> ready_;
    list<operation, queue_hook> deferred_;
    bool ran_deferred_ = false;
    list<turn_hook> at_turn_end_;
    list<root> roots_;
    std::size_t root_count_ = 0;
    std::exception_ptr failure_;
    cancel_scope scope_;
    std::shared_ptr<mailbox> mailbox_;
    std::atomic<bool> stopped_ = false;
};

// ---- awaiting

namespace detail {

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
    sleep_awaiter(loop& owner, time_point until) noexcept : operation_awaiter(owner), until_(until) {}
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
    explicit yield_awaiter(loop& owner) noexcept : operation_awaiter(owner, kind::event) {}
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
    aside_awaiter(loop& owner, std::function<void()> call) noexcept
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

template <class T>
struct main_result {
    std::optional<T> value;
    std::exception_ptr exception;
    bool ended = false;
};
template <>
struct main_result<void> {
    std::exception_ptr exception;
    bool ended = false;
};

template <class T>
task<> run_main(loop& on, task<T> main, std::shared_ptr<main_result<T>> result) {
    try {
        if constexpr (std::is_void_v<T>)
            co_await main;
        else
            result->value.emplace(co_await main);
    } catch (...) {
        result->exception = std::current_exception();
    }
    result->ended = true;
    // Alone where a `stop`, or what another task threw, ended the run before: another run is not to be ended.
    if (result.use_count() > 1)
        on.stop();
    else if (result->exception)
        std::rethrow_exception(result->exception);
}

}  // namespace detail

namespace detail {
/// So long after `begin`, none of it where `how_long` is negative; `time_point::max()` for what is past all
/// time, `forever` too.
inline time_point time_after(time_point begin, duration how_long) noexcept {
    const duration left = std::max(how_long, duration::zero());
    return left == forever || begin > time_point::max() - left ? time_point::max() : begin + left;
}
}  // namespace detail

/// Waits on the current loop. Throws `errc::cancelled` when its scope is cancelled.
inline detail::sleep_awaiter sleep(duration how_long) {
    loop& on = loop::current();
    return {on, detail::time_after(on.read_now(), how_long)};
}
inline detail::sleep_awaiter sleep_until(time_point when) { return {loop::current(), when}; }

/// Lets everything else that is ready on the current loop have its turn first: for a task that has long work
/// to do, between two pieces of it. Throws `errc::cancelled` when its scope is cancelled.
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
task<std::invoke_result_t<Call&>> aside(Call call) {
    using result_type = std::invoke_result_t<Call&>;
    struct box {
        Call call;
        detail::main_result<result_type> result;
    };
    auto shared = std::make_shared<box>(box{std::move(call), {}});
    std::function<void()> work = [shared] {
        try {
            if constexpr (std::is_void_v<result_type>)
                shared->call();
            else
                shared->result.value.emplace(shared->call());
        } catch (...) {
            shared->result.exception = std::current_exception();
        }
    };
    detail::aside_awaiter waiting(loop::current(), std::move(work));
    co_await waiting;
    // Taken out of the box: the helper thread may let go of that last, when the exception is in use here.
    if (shared->result.exception) std::rethrow_exception(std::exchange(shared->result.exception, nullptr));
    if constexpr (!std::is_void_v<result_type>) co_return std::move(*shared->result.value);
}

template <class T>
T loop::run(task<T> main) {
    const auto result = std::make_shared<detail::main_result<T>>();
    spawn(detail::run_main<T>(*this, std::move(main), result));
    run();
    if (result->exception) std::rethrow_exception(result->exception);
    if (!result->ended) throw error(errc::cancelled, "run a task to its end");
    if constexpr (!std::is_void_v<T>) return std::move(*result->value);
}

}  // namespace aperto
