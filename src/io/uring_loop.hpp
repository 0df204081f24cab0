// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"
#include "core/split_mix.hpp"
#include "io/receive_buffers.hpp"
#include "io/slot_table.hpp"
#include "io/uring_ring.hpp"

#include <sys/socket.h>

#include <deque>
#include <memory>
#include <optional>

namespace aperto::io {

/// The seam on io_uring (Linux 6.1 or newer): a multishot accept a listener, a multishot receive a connection
/// that is read, filling lent buffers, and no system call but the one that submits and waits, once a turn,
/// and one for each large send.
///
/// What keeps it right:
/// - User data names what completes by kind, slot and generation. A slot is free again only when its socket
/// is closed
///   *and* the kernel has posted the last completion for it.
/// - Receives run ahead of the reader by at most `ahead_max` buffers; then the multishot is cancelled, and
/// what was
///   already on its way is copied out of the ring's buffers, so that nobody can hoard them.
/// - A receive that finds no buffer stands in `without_buffer_`, in order, and is armed again as buffers come
/// back.
/// - A multishot receive whose one wake-up told of bytes *and* a reset gives the bytes only, and then nothing
///   for ever (Linux 6.18; before a68ed2df7213 two wake-ups did it too). By then the reset is there: so a
///   receive that follows one looks once (`look_for_resets`), unless something has been sent between them; if
///   that fails, it looks then.
class uring_loop final : public loop {
public:
    /// Throws `error` where the kernel refuses io_uring.
    explicit uring_loop(const loop_options& options);
    ~uring_loop() override;

    engine which() const noexcept override { return engine::uring; }
    std::uint64_t random() override { return random_(); }

    socket_id listen(const endpoint& where, const listen_options& options) override;
    bool start_accept(socket_id listener, accept_operation& accept) override;
    bool start_connect(const endpoint& to, const connect_options& options,
                       connect_operation& connect) override;
    bool start_receive(socket_id from, receive_operation& receive) override;
    void give_back(lent_bytes bytes) noexcept override;
    bool is_short_of_buffers() const noexcept override { return buffers_.left() < buffers_.count() / 4; }
    bool start_send(socket_id to, send_operation& send) override;
    int shutdown_send(socket_id which) noexcept override;
    void close(socket_id which, bool reset) noexcept override;
    endpoint local(socket_id which) const noexcept override;
    endpoint remote(socket_id which) const noexcept override;
    tcp_facts facts(socket_id which) const override;
    int native_handle(socket_id which) const noexcept override;
    census count() const noexcept override;

protected:
    void poll(time_point until) override;
    void interrupt() noexcept override;
    void cancel_pending(operation& waiting) noexcept override;
    void abandon_pending(operation& waiting) noexcept override;

private:
    enum class tag : std::uint8_t { none, accept, connect, receive, send, wake };
    static constexpr std::size_t ahead_max = 2;
    /// Bytes from which a receive brought much: all that a lent buffer holds, so that there may be more.
    std::uint32_t bulk_min() const noexcept { return buffers_.size(); }
    /// So many receives that bring little end the special treatment of who once brought much.
    static constexpr std::uint8_t little_max = 8;
    /// Bytes from which a send is tried at once, by a system call of its own: below, what that saves in the
    /// cache is less than what it costs (16 KB: 0.99 of the floor by the ring, 1.07 by itself).
    static constexpr std::size_t send_now_min = 32 * 1024;
    /// So many of one socket in one turn; then others go first, however fast its peer reads.
    static constexpr std::uint8_t sends_now_max = 16;

    /// What came before anybody asked for it: received buffers, or accepted descriptors. Rare, so apart.
    struct arrivals {
        std::deque<lent_bytes> bytes;
        std::deque<int> accepted;
    };
    struct socket {
        int descriptor = -1;
        bool listening : 1 = false;
        bool armed : 1 = false;       ///< a multishot accept or receive, or a poll, is in the kernel
        bool cancelling : 1 = false;  ///< and has been asked to end
        bool sending : 1 = false;     ///< a send or connect is in the kernel
        bool closed : 1 = false;      ///< waits for the kernel's last completion only
        bool ended : 1 = false;       ///< no more will be received; `end_result` says why
        bool bulk : 1 = false;        ///< it brings much: it is polled, and received from into `bulk_`
        bool polling : 1 = false;     ///< what is armed is a poll
        bool unchecked : 1 = false;  ///< what is armed brought bytes, and maybe no word of a reset after them
        std::uint8_t little = 0;     ///< receives in a row that would not have needed `bulk_`
        std::uint8_t sent_now = 0;   ///< sends at once, in the turn `budget_turn`
        std::uint32_t budget_turn = 0;
        int end_result = 0;           ///< a listener's: what the next accept is told
        operation* reader = nullptr;  ///< an accept or a receive that waits
        operation* writer = nullptr;  ///< a send or a connect in flight
        std::unique_ptr<arrivals> ahead;
    };
    static_assert(sizeof(socket) <= 40, "a server has one for each idle client");

    /// The number of a lent "buffer" that is memory of its own, copied out of the ring's.
    static constexpr std::uint32_t copied = 0xFFFF'FFFF;

    static std::uint64_t pack(tag what, socket_id which) noexcept;
    io_uring_sqe* prepare(tag what, socket_id which) noexcept;
    void ask_to_cancel(tag what, socket_id which) noexcept;
    void arm_wake_up() noexcept;
    bool send_now(socket& to, send_operation& send) noexcept;
    void stop_receiving(tag what, socket_id which, socket& at) noexcept;
    void arm_receive(socket_id which, socket& at) noexcept;
    void arm_accept(socket_id which, socket& at) noexcept;
    void rearm_waiting() noexcept;
    void release_if_done(socket_id which, socket& at) noexcept;
    void drop_arrivals(socket& at) noexcept;

    void dispatch(std::uint64_t user_data, int result, std::uint32_t flags);
    void on_wake_up(std::uint32_t flags) noexcept;
    void on_accept(socket_id which, socket& at, int result, bool more);
    void on_receive(socket_id which, socket& at, int result, std::uint32_t flags);
    void on_readable(socket_id which, socket& at, int result);
    void receive_bulk(socket_id which, socket& at);
    bool look_for_resets() noexcept;
    void doubt(socket& at) noexcept;
    static operation* take_reader(socket& at) noexcept;
    void on_bytes(socket_id which, socket& at, lent_bytes bytes);
    void on_connect(socket_id which, socket& at, int result);
    void on_send(socket_id which, socket& at, int result);

    /// Null where it is closed, though the kernel may still hold the slot.
    socket* find_open(socket_id which) noexcept;
    int descriptor_of(socket_id which) const noexcept;
    /// The descriptor's identity; without the memory for one it is closed and this gives none.
    socket_id take(int descriptor) noexcept;
    lent_bytes copy_out(lent_bytes lent);
    void keep_accepted(socket_id listener, socket& at, int descriptor) noexcept;
    void keep_bytes(socket_id which, socket& at, lent_bytes bytes) noexcept;

    uring_ring ring_;
    uring_buffers buffers_;
    bulk_buffer bulk_;
    int wake_up_ = -1;
    split_mix random_;
    slot_table<socket> sockets_;
    std::size_t copies_ = 0;
    list<operation, queue_hook> without_buffer_;
    list<operation, queue_hook> unchecked_;  ///< receives of sockets that are `unchecked`
    // The kernel reads these when it takes the submission, not when it is prepared.
    std::deque<msghdr> headers_;
    std::deque<sockaddr_storage> addresses_;
};

/// Throws `error` with the kernel's reason where io_uring is refused.
std::unique_ptr<loop> make_uring_loop(const loop_options& options);

}  // namespace aperto::io
