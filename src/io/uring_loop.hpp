// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"
#include "core/split_mix.hpp"
#include "io/kernel.hpp"
#include "io/receive_buffers.hpp"
#include "io/ring.hpp"
#include "io/slot_table.hpp"
#include "io/socket_watches.hpp"
#include "io/uring_buffers.hpp"

#include <sys/socket.h>

#include <cassert>
#include <deque>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace aperto::io {

/// A place for what the kernel reads later; null without the memory for one.
template <class T>
T* add_place(std::deque<T>& to) noexcept {
    try {
        return &to.emplace_back();
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

/// The seam on io_uring (Linux 6.1 or newer): a multishot receive a connection that is read, filling lent
/// buffers, a poll a listener, and no system call but the one that submits and waits, once a turn, and one
/// for each accept and each large send.
///
/// What keeps it right:
/// - A turn is: hand over what was prepared, wait, take every completion off the ring into `arrived_`, and only
///   then call back. No callback sees a half-read ring, and nothing is handed over while callbacks run.
/// - User data names what completes by kind, slot, generation, and the number of the submission; whatever comes
///   late or twice finds no owner and is dropped. A slot is free again only when its socket is closed *and* the
///   kernel has posted the last completion for it.
/// - A multishot receive is armed only while somebody reads: one that has delivered and finds nobody reading at
///   the end of the turn is cancelled. What arrives in spite of that is kept, and charged to the connection's
///   account.
/// - Nobody is accepted but for an accept that waits: a listener is polled once for all, and accept4(2) is
///   called.
/// - A receive that finds no buffer stands in `without_buffer_`, in order, and is armed again as buffers come
///   back.
/// - A send of which a part was taken before the connection broke completes with that part, and the kernel then
///   tells nobody of the reset: a receive sees an end of the stream (`true_end` asks once more).
/// - A multishot receive whose one wake-up told of bytes *and* a reset gives the bytes only, and then nothing
///   for ever (Linux 6.18; before a68ed2df7213 two wake-ups did it too). By then the reset is there: so a
///   receive that follows one looks once (`look_for_resets`), unless something has been sent between them; if
///   that fails, it looks then. Only while no completion is under way, lest it look past bytes.
class uring_loop : public loop {
public:
    /// Throws `error` where the kernel refuses io_uring.
    explicit uring_loop(const loop_options& options);
    /// On another kernel, or another ring, than the machine's.
    uring_loop(const loop_options& options, kernel& calls, std::unique_ptr<ring> on,
               time_point epoch = clock::now());
    ~uring_loop() override;

    engine which() const noexcept override { return engine::uring; }
    std::uint64_t random() override { return random_(); }

    socket_id listen(const endpoint& where, const listen_options& options) override;
    socket_id adopt(int descriptor, bool listening) override;
    bool start_accept(socket_id listener, accept_operation& accept) override;
    bool accept_queued(socket_id listener, accept_operation& accept) override;
    bool start_connect(const endpoint& to, const connect_options& options,
                       connect_operation& connect) override;
    bool start_receive(socket_id from, receive_operation& receive) override;
    void give_back(lent_bytes bytes) noexcept override;
    bool is_short_of_buffers() const noexcept override { return buffers_.left() <= buffers_.count() / 4; }
    void charge(socket_id which, memory_account* account) noexcept override;
    std::size_t held(socket_id which) const noexcept override;
    void drop_held(socket_id which) noexcept override;
    bool start_send(socket_id to, send_operation& send) override;
    bool start_ready(int descriptor, ready_operation& ready) override;
    bool watch_socket(socket_id which, socket_watch* by) noexcept override;
    int shutdown_send(socket_id which) noexcept override;
    void close(socket_id which, bool reset) noexcept override;
    endpoint local(socket_id which) const noexcept override;
    endpoint remote(socket_id which) const noexcept override;
    tcp_facts facts(socket_id which) const override;
    bool is_quiet(socket_id which) noexcept override;
    int native_handle(socket_id which) const noexcept override;
    census count() const noexcept override;

protected:
    void poll(time_point until) override;
    bool submit() override;
    int descriptor() const override { return -1; }
    void interrupt() noexcept override { kernel_.wake(wake_up_); }
    void cancel_pending(operation& waiting) noexcept override;
    void abandon_pending(operation& waiting) noexcept override;

private:
    enum class tag : std::uint8_t { none, incoming, outgoing, end_incoming, wake };
    /// Completions that one turn takes off the ring at the most; the rest waits there for the next.
    static constexpr std::size_t arrived_max = 4096;
    /// So long the loop rests where the kernel takes no submission and tells nothing.
    static constexpr std::int64_t refused_rest_ns = 1'000'000;
    /// So many receives that bring little end the special treatment of who once brought much.
    static constexpr std::uint8_t little_max = 8;
    /// Bytes from which a send is tried at once, by a system call of its own: below, what that saves in the
    /// cache is less than what it costs (16 KB: 0.99 of the floor by the ring, 1.07 by itself).
    static constexpr std::size_t send_now_min = 32 * 1024;

    enum class role : std::uint8_t {
        connection,
        listener,
        watched,  ///< somebody else's descriptor: polled once
    };
    /// What the kernel has of a socket's incoming side. What `ends` has been asked to, and has not said yet that it
    /// has; it may go on instead, where the asking came too early.
    enum class watch : std::uint8_t { none, receiving, polling, receiving_ends, polling_ends };
    enum class stage : std::uint8_t {
        open,
        ended,   ///< no more will be received; `end_result` says why
        closed,  ///< waits for the kernel's last completion only
    };
    /// Who waits at a listener, as far as is known.
    enum class clients : std::uint8_t {
        none,
        perhaps,
        told,  ///< the kernel said that one is there, and none was taken since
    };
    /// What came before anybody asked for it. Rare, so apart.
    struct arrivals {
        std::deque<lent_bytes> bytes;
        std::size_t size = 0;  ///< bytes of memory, as charged
    };
    static constexpr std::uint16_t no_account = 0xFFFF;
    struct socket {
        int descriptor = -1;
        std::uint16_t budget_turn = 0;       ///< low bits of the turn for which `calls_now` counts
        std::uint8_t calls_now = 0;          ///< sends at once, or accepts
        std::uint8_t little = 0;             ///< receives in a row that would not have needed `bulk_`
        std::uint8_t incoming_number = 0;    ///< of the submission that is armed
        std::uint8_t outgoing_number = 0;    ///< of the send or connect in flight
        std::uint16_t account = no_account;  ///< index in `accounts_`
        std::int16_t end_result = 0;         ///< 0 or a negative errno
        role is : 2 = role::connection;
        watch incoming : 3 = watch::none;
        stage now : 2 = stage::open;
        clients waiting : 2 = clients::perhaps;  ///< a listener's
        bool capped : 1 = false;                 ///< what is armed was asked to bring one buffer at a time
        bool sending : 1 = false;                ///< a send or connect is in the kernel
        bool watched : 1 = false;                ///< it is polled, and received from through `watches_`
        bool bulk : 1 = false;       ///< it brings much: it is polled, and received from into `bulk_`
        bool unchecked : 1 = false;  ///< what is armed brought bytes, and maybe no word of a reset after them
        bool cut : 1 = false;        ///< a send ended short: an error may have been lost with it
        operation* reader = nullptr;  ///< an accept or a receive that waits
        operation* writer = nullptr;  ///< a send or a connect in flight
        std::unique_ptr<arrivals> ahead;

        bool is_closed() const noexcept { return now == stage::closed; }
        bool is_armed() const noexcept { return incoming == watch::receiving || incoming == watch::polling; }
        bool is_polling() const noexcept {
            return incoming == watch::polling || incoming == watch::polling_ends;
        }
        void arm(watch what) noexcept {
            assert(incoming == watch::none && (what == watch::receiving || what == watch::polling));
            incoming = what;
        }
        void ask_to_end() noexcept {
            assert(is_armed());
            incoming = is_polling() ? watch::polling_ends : watch::receiving_ends;
        }
        /// It goes on: whether it had been asked to end.
        bool goes_on() noexcept {
            assert(incoming != watch::none);
            if (is_armed()) return false;
            incoming = is_polling() ? watch::polling : watch::receiving;
            return true;
        }
        void end(int result) noexcept {
            assert(now == stage::open);
            now = stage::ended;
            end_result = static_cast<std::int16_t>(result);
        }
    };
    static_assert(sizeof(socket) <= 40, "a server has one for each idle client");

    // ---- uring_submissions.cpp
    static std::uint64_t pack(tag what, std::uint8_t number, socket_id which) noexcept;
    io_uring_sqe* next_entry() noexcept;
    io_uring_sqe* prepare_incoming(socket_id which, socket& at, watch what) noexcept;
    io_uring_sqe* prepare_outgoing(socket_id which, socket& at) noexcept;
    /// Makes `entry` one that asks the kernel to end another; it completes, as `own`, only where it failed.
    static void fill_cancel(io_uring_sqe* entry, std::uint64_t user_data, std::uint64_t own) noexcept;
    bool withdraw(std::uint64_t user_data) noexcept;
    void end_incoming(socket_id which, socket& at) noexcept;
    void arm_wake_up() noexcept;
    void arm_receive(socket_id which, socket& at) noexcept;
    void arm_accept(socket_id which, socket& at) noexcept;
    void release_if_done(socket_id which, socket& at) noexcept;
    bool may_call_now(socket& at) noexcept;
    bool send_now(socket& to, send_operation& send) noexcept;
    bool accept_one(socket& listener, accept_operation& accept) noexcept;

    // ---- uring_arrivals.cpp: what does not come by the ring's own receives
    void receive_watched(socket_id which, socket& at);
    lent_bytes copy_out(lent_bytes lent);
    void keep_bytes(socket_id which, socket& at, lent_bytes bytes) noexcept;
    void recharge(socket& at, std::size_t size) noexcept;
    void drop_arrivals(socket& at) noexcept;

    // ---- uring_completions.cpp: turns, and what completes
    void hand_over(std::int64_t nanoseconds);
    bool hand_over_spilled() noexcept;
    void forget_taken() noexcept;
    bool has_more() const noexcept;
    void move_spilled() noexcept;
    void collect() noexcept;
    void end_unread() noexcept;
    void rearm_waiting() noexcept;
    bool look_for_resets();
    void dispatch(const ring::completion& done);
    void drop(const ring::completion& done) noexcept;
    void on_wake_up(std::uint32_t flags) noexcept;
    void on_end_refused(socket_id which, socket& at) noexcept;
    void on_incoming(socket_id which, socket& at, const ring::completion& done);
    void on_queued(socket_id which, socket& at, int result);
    void on_ready(socket_id which, socket& at, int result);
    void on_receive(socket_id which, socket& at, const ring::completion& done);
    void on_no_bytes(socket_id which, socket& at, int result);
    void on_readable(socket_id which, socket& at, int result);
    void receive_bulk(socket_id which, socket& at);
    void doubt(socket& at) noexcept;
    void end(socket& at, int result);
    int true_end(const socket& at, int result) const;
    static operation* take_reader(socket& at) noexcept;
    void on_bytes(socket_id which, socket& at, lent_bytes bytes);
    void expect_reader(socket_id which, socket& at) noexcept;
    void on_outgoing(socket_id which, socket& at, int result);
    void try_again();

    /// Null where it is closed, though the kernel may still hold the slot.
    socket* find_open(socket_id which) noexcept;
    int descriptor_of(socket_id which) const noexcept;
    /// The descriptor's identity; without the memory for one it is closed and this gives none.
    socket_id take(int descriptor) noexcept;

    kernel& kernel_;
    std::unique_ptr<ring> ring_;
    uring_buffers buffers_;
    bulk_buffer bulk_;
    socket_watches watches_;
    int wake_up_ = -1;
    /// One trigger of a receive brings one buffer and no more, where the kernel knows how (Linux 6.17).
    bool capped_ = true;
    bool refused_ = false;  ///< the kernel took nothing last time
    int broken_ = 0;        ///< a negative errno: the ring can be used no more
    split_mix random_;
    slot_table<socket> sockets_;
    std::vector<memory_account*> accounts_;  ///< of the connections, one a server as a rule
    std::size_t copies_ = 0;
    std::vector<ring::completion> arrived_;  ///< taken off the ring; from `arrived_next_` on to be dispatched
    std::size_t arrived_next_ = 0;
    std::size_t arrived_count_ = 0;
    std::deque<io_uring_sqe> spilled_;   ///< submissions that the queue had no room for, in order
    std::vector<socket_id> delivered_;   ///< whose armed receive may have no reader by the end of the turn
    list<operation, queue_hook> again_;  ///< accepts that had their share of a turn
    list<operation, queue_hook> without_buffer_;
    list<operation, queue_hook> unchecked_;  ///< receives of sockets that are `unchecked`
    // The kernel reads these when it takes the submission, not when it is prepared.
    std::deque<msghdr> headers_;
    std::deque<sockaddr_storage> addresses_;
    std::unique_ptr<io_uring_sqe> lost_;  ///< what is written where no submission can be kept
};

/// Throws `error` with the kernel's reason where io_uring is refused.
std::unique_ptr<loop> make_uring_loop(const loop_options& options);

}  // namespace aperto::io
