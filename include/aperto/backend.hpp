// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "aperto/loop_options.hpp"
#include "aperto/operation.hpp"
#include "aperto/tcp_facts.hpp"
#include "aperto/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace aperto {

class errand;
class mailbox;
class memory_account;
class timer_wheel;

/// Who is told what becomes of the bytes of one socket (`backend::watch_socket`). Called on the loop's thread; must not close the
/// socket, nor send or receive on it but as it says here.
class socket_watch {
public:
    virtual ~socket_watch() = default;
    /// Called in place of recv(2), without waiting: bytes, 0 at the end of the stream, or a negative errno.
    virtual std::int64_t receive(int socket, char* into, std::size_t size) noexcept = 0;
    /// The kernel took so many bytes of a send.
    virtual void sent(std::size_t bytes) noexcept = 0;
    /// The socket's error queue may hold something, which wakes everybody who waits until it is taken.
    virtual void look(int socket) noexcept = 0;
};

/// From when until when a loop waited for something to come.
struct sleep_span {
    time_point from{};
    time_point until{};
};

/// What stands below a loop: operations, timers and sockets, of which an engine (io_uring, epoll, one of your
/// own) gives the sockets. Who serves or calls needs none of it: `loop` and `stream` do.
///
/// An operation is completed exactly once: either the call that starts it returns true and the result is
/// there (complete, nothing will be called), or it returns false and `on_complete` is called from the top of
/// a later turn. Everything is used on the thread that runs the loop, but for what says "any thread".
class backend {
public:
    virtual ~backend();
    backend(const backend&) = delete;
    backend& operator=(const backend&) = delete;

    virtual engine which() const noexcept = 0;

    // ---- time

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
    /// How often that was done.
    std::uint64_t put_behind() const noexcept { return put_behind_; }

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
    /// Has `what` run on this thread, soon, without an allocation (io/mailbox.hpp). Any thread.
    void post(errand& what) noexcept;
    void withdraw(errand& what) noexcept;

    // ---- sockets

    /// A socket that listens on `where`; port 0 takes any free port (see `local`). Throws `error`.
    virtual socket_id listen(const endpoint& where, const listen_options& options) = 0;
    /// Takes over a stream socket that somebody else opened, of any family: one that listens, or one that is
    /// connected. It is made non-blocking, and closed with what is given here. Throws `error` where it is no
    /// such socket, or in a simulation; the descriptor then stays the caller's.
    virtual socket_id adopt(int descriptor, bool listening) = 0;
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
    /// Waits for a descriptor that is not of this loop, any that poll(2) takes. It stays its owner's, who may close it
    /// meanwhile: the wait holds on to what it stood for. Not in a simulation (-EOPNOTSUPP).
    virtual bool start_ready(int descriptor, ready_operation& ready) = 0;

    /// From now on until null is given, `by` is told of what the socket receives and sends: bytes that are under way already
    /// may pass it by. False where there is no such thing (a simulation). Nobody watches for long: it costs calls of its own.
    virtual bool watch_socket(socket_id, socket_watch* /*by*/) noexcept { return false; }
    /// Remembers from now on when the loop waits.
    void time_sleeps() noexcept { times_sleeps_ = true; }
    /// The latest times that it waited, in no order.
    const std::array<sleep_span, 8>& sleeps() const noexcept { return sleeps_; }

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
    /// Of a connection that nobody reads: nothing has come on it, no byte, no end of the stream and no failure. Asks the
    /// kernel (recv(2), MSG_PEEK), which tells a failure once.
    virtual bool is_quiet(socket_id which) noexcept = 0;
    /// The descriptor, for what this library does not offer; -1 where there is none (a simulation).
    virtual int native_handle(socket_id which) const noexcept = 0;
    /// Every address of `name`, numeric ones too, in the order to try them (getaddrinfo(3), RFC 6724); of one family,
    /// AF_INET or AF_INET6, where it is given. Blocks: called through `resolve` (aperto/resolve.hpp), which runs it aside.
    /// Throws `error`.
    virtual std::vector<endpoint> look_up(const std::string& name, std::uint16_t port, int family = 0);
    /// The SRV records of "_service._tcp.domain" (RFC 2782), in no order. Blocks, as above. Throws `error`.
    virtual std::vector<service_record> look_up_service(const std::string& name);

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
    /// `epoch`: the engine's time now.
    explicit backend(time_point epoch);

    // ---- given by an engine

    /// Submits what is to be submitted, waits for completions until `until` at the longest
    /// (`time_point::min()`: not at all; `time_point::max()`: as long as it takes) or until `interrupt`, and
    /// completes what has come.
    virtual void poll(time_point until) = 0;
    /// For who waits elsewhere than in `poll`: hands over what was prepared, without waiting and without completing
    /// anything. True where a `poll` is due at once all the same: something let others go first.
    virtual bool submit() = 0;
    /// What is readable when a `poll` would find something; -1 where there is nothing of that kind. poll(2) is told
    /// nothing of a ring's completions that wait for its thread to come by (io_uring_setup(2), DEFER_TASKRUN), and an
    /// eventfd of a ring misses those that another eventfd caused (seen on Linux 6.18).
    virtual int descriptor() const = 0;
    /// Ends a `poll` in progress, or the next one. Any thread.
    virtual void interrupt() noexcept = 0;
    virtual time_point read_clock() const noexcept;
    /// As `cancel`, for an operation on a socket that is pending: afterwards it is completed by
    /// `complete_later`, now or when the kernel has answered.
    virtual void cancel_pending(operation& waiting) noexcept = 0;
    virtual void abandon_pending(operation& waiting) noexcept = 0;

    // ---- for an engine to call

    /// Completes `done`: from the top of a turn (`complete`), or anywhere (`complete_later`).
    void complete(operation& done, int result);
    void complete_later(operation& done, int result) noexcept;
    /// An operation was accepted.
    void mark_pending(operation& started) noexcept;
    /// What other threads post from now on is dropped; none of them calls `interrupt` any more when this
    /// returns. For an engine's destructor, which takes away what `interrupt` uses.
    void close_mailbox() noexcept;
    bool has_ready() const noexcept { return !ready_.empty(); }
    /// When `poll` must be over for no timer to be late; `time_point::max()` with none set.
    time_point next_timer() const noexcept;
    void refresh_now() noexcept { now_ = read_clock(); }
    /// An engine is about to wait; it has waited, and `now` is the time at which it ended.
    void fall_asleep() noexcept {
        if (!times_sleeps_) return;
        sleeps_[sleep_].from = read_clock();
        asleep_ = true;
    }
    void wake_up() noexcept {
        if (!asleep_) return;
        asleep_ = false;
        sleeps_[sleep_].until = now_;
        sleep_ = (sleep_ + 1) % sleeps_.size();
    }

    // ---- for the loop

    /// Somebody else waits, for `descriptor`, and was told that there is nothing to do: what comes to be done from now
    /// on wakes him, once.
    void rest() noexcept { resting_ = true; }
    void rise() noexcept { resting_ = false; }
    void wake_host() noexcept {
        if (!resting_) return;
        resting_ = false;
        interrupt();
    }

    /// Operations that are ready, or what was posted: to be done before a `poll` may wait.
    bool has_pending_work() const noexcept;
    /// The same, and hooks.
    bool has_work() const noexcept;
    /// The parts of a turn, in their order.
    void begin_turn();
    void run_hooks();
    void fire_timers();
    const std::shared_ptr<mailbox>& posted() const noexcept { return mailbox_; }

private:
    friend class mailbox;          // interrupts its sleep
    friend class sleep_operation;  // its alarm completes it
    class aside_report;
    void run_posted();
    void run_ready();
    void run_deferred();
    bool end_own_wait(operation& waiting) noexcept;
    void drop_result(operation& ready) noexcept;
    std::uint64_t tick_at(time_point when) const noexcept;

    const time_point epoch_;
    time_point now_;
    std::uint64_t turn_ = 0;
    std::uint64_t put_behind_ = 0;
    std::unique_ptr<timer_wheel> timers_;
    list<operation, queue_hook> ready_;
    list<operation, queue_hook> deferred_;
    bool ran_deferred_ = false;
    bool resting_ = false;
    bool times_sleeps_ = false;
    bool asleep_ = false;
    std::size_t sleep_ = 0;
    std::array<sleep_span, 8> sleeps_{};
    list<turn_hook> at_turn_end_;
    std::shared_ptr<mailbox> mailbox_;
};

}  // namespace aperto
