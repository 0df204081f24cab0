// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/proxy_facts.hpp"
#include "aperto/stream.hpp"
#include "net/failure.hpp"
#include "net/outbox.hpp"
#include "net/secured.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace aperto {

/// The state behind a `stream`: what was received and not yet read, what was written and not yet sent, and
/// how it ends.
///
/// Counted references, one thread. The last one gone ends the connection in order, in the background. What
/// waits holds no buffer: received bytes are in a buffer of the loop's, in `kept_` only while a message is
/// incomplete, and an outbox is there only while something is to be sent.
class connection {
public:
    /// `name`: by what the peer was connected to, for the transport of the options. Throws what that throws.
    connection(loop& on, socket_id socket, const endpoint& remote,
               std::shared_ptr<const stream_options> options, std::string_view name = {});
    /// For who has it in place, closed; held by counted references it ends itself.
    ~connection();
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    /// A counted reference.
    class reference {
    public:
        explicit reference(connection& to) noexcept : to_(to) { to_.hold(); }
        ~reference() { to_.release(); }
        reference(const reference&) = delete;
        reference& operator=(const reference&) = delete;

    private:
        connection& to_;
    };
    void hold() noexcept { ++references_; }
    void release() noexcept;
    /// As `release`, for its stream: a read or write that still waits is ended with `errc::misuse`.
    void let_go() noexcept;
    /// Somebody besides the caller holds it.
    bool is_shared() const noexcept { return references_ > 1; }

    loop& on() const noexcept { return *loop_; }
    socket_id socket() const noexcept { return socket_; }
    bool is_open() const noexcept { return static_cast<bool>(socket_); }
    const stream_options& options() const noexcept { return *options_; }
    std::uint64_t received() const noexcept { return received_; }
    std::uint64_t sent() const noexcept { return sent_; }
    /// Bytes of what was received that have been handed out: where the next message begins in the stream.
    std::uint64_t consumed() const noexcept { return received_ - unread().size(); }
    /// The peer's end of stream has arrived.
    bool ended() const noexcept { return ended_; }
    /// The other side's address; still known when the connection is gone, as the kernel's answer is not.
    const endpoint& remote() const noexcept { return remote_; }
    /// What the proxy in front told of the peer; null where there is none.
    std::unique_ptr<const proxy_facts> proxied;
    /// See connection_view::note.
    bool note() const noexcept {
        const bool before = noted_;
        noted_ = true;
        return !before;
    }
    std::string whom() const { return remote_ ? remote_.to_string() : "the peer"; }
    /// See stream::facts.
    tcp_facts facts() const;

    // ---- reading

    /// Takes what `what` asks for out of the received bytes; false where more are needed. At the end of the
    /// stream `found` stays empty. A failure is kept for `take_read_failure`.
    /// `finder`: for `want::frame`.
    bool take(detail::want what, std::size_t count, std::optional<std::string_view>& found,
              frame_finder finder = nullptr) noexcept;
    /// Takes bytes that `want::at_least` has shown; false where less has come.
    bool consume(std::size_t count) noexcept;
    /// In which messages are written.
    framing written_framing() const noexcept { return options_->finder ? framing::raw : options_->framing; }
    bool is_draining() const noexcept { return draining_; }
    /// Makes room for more: what is left of a message leaves the lent buffer; without such a rest nothing is
    /// held. False without the memory for it: reading has failed.
    bool settle() noexcept;
    /// Takes in what comes next; false where `into` waits for it, and is then `reader`.
    bool receive(receive_operation& into);
    /// Takes in what a completed operation received.
    void take_in(const receive_operation& done) noexcept;
    /// Takes in the first of all that was received, but for `skip` bytes at its front, which are not the peer's own: as
    /// if they had not come.
    void take_in_first(const receive_operation& done, std::size_t skip) noexcept;
    void end_reading(int result) noexcept { end_reading(result, passed::nothing); }
    /// The deadline of the present wait for `what` has passed; the caller cancels it.
    void time_out_reading(detail::want what) noexcept {
        passed_ = waits_for_character(what) ? passed::wait_for_rest : passed::deadline;
    }
    /// Of a conversation whose handler answers while the next message is waited for: whether one is being answered.
    /// The peer is idle only from the last answer on.
    void set_answering(bool now) noexcept { answers_ = now ? answers::in_hand : answers::given; }
    /// How much longer a wait for a message may last that was as long as it may: until the peer has been idle.
    duration idle_left() const noexcept;
    /// Until when a wait for `what` that begins now may last, by the options; `time_point::max()` for as long
    /// as it takes.
    time_point read_deadline(detail::want what) noexcept;
    /// There is more to read, but it has had its share of the turn (turn_budget): it is to `step_aside`. To
    /// be asked once a message.
    bool is_over_share() noexcept;
    /// Others have their turn; then `waiting` completes, and there is nothing to take in.
    void step_aside(receive_operation& waiting) noexcept;
    /// From now on a read that would wait for a new message finds the end of the stream.
    void end_when_idle() noexcept;
    /// Where the payload handed out last began, bytes from the start of the stream.
    std::uint64_t message_offset() const noexcept { return message_offset_; }
    /// The last line handed out ended in CR LF.
    bool line_had_carriage_return() const noexcept { return carriage_return_; }
    /// What reading failed by, none where it did not. A cancelled wait leaves the connection as it was;
    /// everything else is for good.
    std::error_code take_read_failure() noexcept;
    /// An error that is one is how reading or writing here failed, rather than something else of the
    /// handler's.
    bool has_failed_by(const std::error_code& why) const noexcept {
        return why == read_failure_.code() || why == write_failure_.code();
    }
    bool has_unread() const noexcept { return !unread().empty(); }
    std::size_t unread_size() const noexcept { return unread().size(); }
    /// A message has begun: there are bytes of it, or a part of a record of the transport's.
    bool in_message() const noexcept { return has_unread() || is_in_record(); }
    receive_operation* reader = nullptr;  ///< waits for bytes

    // ---- what it stands on

    /// From now on everything goes through `session`. Nothing may be waited for, unread or unsent.
    void secure(std::unique_ptr<transport_session> session);
    /// Its transport speaks, where it is the one that speaks first.
    void begin_transport();
    bool is_secured() const noexcept { return secured_ != nullptr; }
    /// What was written can be sent: there is no transport, or its handshake is over.
    bool is_open_for_writing() const noexcept { return !secured_ || secured_->session->is_open(); }
    /// What its transport knows; none where it has none, or the handshake is not over.
    std::optional<transport_facts> transport() const;
    /// What to do about a failure of the transport; empty where nothing is known.
    std::string advice() const { return secured_ ? secured_->session->advice() : std::string(); }
    /// Until when a handshake that begins now may last.
    time_point handshake_until() noexcept;

    // ---- writing

    std::size_t pending() const noexcept { return outbox_ ? outbox_->pending() : 0; }
    /// The kernel has a part of it in hand.
    bool is_sending() const noexcept { return outbox_ && outbox_->in_flight(); }
    /// Where a reply may be appended directly; `commit` afterwards.
    std::string& reply_buffer();
    /// Sends at the end of the turn what was appended, or now where it is much.
    void commit() noexcept;
    /// There is so much to send that it should not wait for the end of the turn.
    bool is_much_pending() const noexcept { return pending() >= send_at_once_min; }
    bool has_room(std::size_t bytes) const noexcept;
    void append(std::span<const std::string_view> parts);
    /// What is appended from now on waits for `uncork`, or until it is half of `high_water`.
    void cork() noexcept;
    void uncork() noexcept;
    /// Room for so much, where a cork is in the way by sending what it holds.
    bool make_room(std::size_t bytes) noexcept;
    /// The loop's turn ends.
    void send_at_turn_end() noexcept;
    /// Sends now as much as the kernel takes.
    void pump() noexcept;
    void set_direct(std::span<const std::string_view> parts, std::size_t size);
    bool has_direct() const noexcept { return outbox_ && outbox_->has_direct(); }
    void drop_direct() noexcept;
    /// Gives the kernel of a file what it takes, and moves `offset` and `size` past it. False where a piece has to
    /// go by memory: there is no room, no such way, or no more of the file. A failure is kept.
    bool send_file(int file, std::uint64_t& offset, std::uint64_t& size) noexcept;
    std::error_code write_failure() const noexcept { return write_failure_.code(); }
    /// Nothing is to be written any more: the transport tells its peer, once it has sealed what was.
    void announce_end() noexcept {
        if (secured_) announce_end_sealed();
    }
    std::error_code shut_write() noexcept;
    bool write_is_shut() const noexcept { return write_shut_; }
    detail::write_awaiter* writer = nullptr;  ///< waits for room, or for the end of what is pending

    // ---- memory

    /// Bytes of memory that its end would free: in buffers of its own, of what the loop received for it ahead
    /// of its reader, and in the kernel's where the peer does not take what is sent, as charged to the
    /// account of its options.
    std::size_t held() const noexcept { return shed_ ? 0 : charged_ + loop_->held(socket_); }
    /// For how long no message has been complete, and nothing written taken: up to 52 days, to a millisecond.
    duration without_progress() const noexcept {
        return duration(std::int64_t{short_time(loop_->now()) - progressed_} << short_time_shift);
    }
    /// Ends it for the memory it holds: every read and write in progress, or still to come, fails.
    void shed() noexcept;
    bool was_shed() const noexcept { return shed_; }

    // ---- for who looks on

    /// Messages handed out so far, of whatever framing: pieces of text or bytes where there is none.
    std::uint64_t messages() const noexcept { return messages_; }
    bool is_closing() const noexcept { return closing_; }
    bool is_answering() const noexcept { return answers_ == answers::in_hand; }

    // ---- ending

    /// There is nothing to wait for: all that was written is sent and the peer's end has come, or the kernel
    /// has no connection any more.
    bool is_quiet() const noexcept {
        return !is_open() || (ended_ && pending() == 0 && !owes_end()) || is_broken(read_failure_.code());
    }
    /// See stream::at_rest.
    bool is_at_rest() const noexcept {
        return is_open() && !is_waited_on() && !ended_ && !closing_ && !write_shut_ && !in_message() &&
               pending() == 0 && !read_failure_.code() && !write_failure_.code() && loop_->is_quiet(socket_);
    }
    /// Somebody waits to read or to write.
    bool is_waited_on() const noexcept { return reader || writer; }
    /// Sends what is left and the end of the stream, then reads on until the peer's end, within the options'
    /// bounds, so that no reset destroys the last reply. The socket stays, for its facts. The caller keeps a
    /// reference. Throws nothing for what the peer does meanwhile.
    task<> wind_down();
    /// See stream::close: winds down and closes.
    task<> close_orderly();
    void close_now(bool reset) noexcept;

private:
    friend class outbox;
    /// What ended a wait for bytes besides the bytes. It belongs to one wait.
    enum class passed : std::uint8_t { nothing, deadline, wait_for_rest };
    /// Bytes from which a reply does not wait for the end of the turn.
    static constexpr std::size_t send_at_once_min = 8 * 1024;
    static constexpr time_point not_waited_for = time_point::max();
    /// Of an idle client every byte counts: a time in units of 2^20 ns, which wraps.
    static constexpr int short_time_shift = 20;
    static std::uint32_t short_time(time_point when) noexcept {
        return static_cast<std::uint32_t>(when.time_since_epoch().count() >> short_time_shift);
    }

    static task<> finish(connection& last);
    std::string_view unread() const noexcept {
        if (kept_) return std::string_view(*kept_).substr(taken_);
        return {lent_.data + taken_, lent_.size - taken_};
    }
    frame find_own(frame_finder finder, std::string_view bytes) noexcept;
    bool take_whole_line(std::string_view bytes, std::optional<std::string_view>& found) noexcept;
    void mark_taken(std::size_t count) noexcept;
    void end_waits() noexcept;
    void forget_share() noexcept;
    void drop_received() noexcept;
    /// What is missing is the rest of a character.
    bool waits_for_character(detail::want what) const noexcept {
        return what == detail::want::message && written_framing() == framing::stream && has_unread();
    }
    void end_reading(int result, passed by) noexcept;
    /// Whether a failure says that the kernel has given the connection up.
    static bool is_broken(const std::error_code& why) noexcept;
    /// Without the memory for it reading has failed, since the stream would have a gap.
    void absorb(lent_bytes bytes) noexcept;
    // With a transport:
    void absorb_sealed(lent_bytes bytes, std::size_t skip = 0) noexcept;
    void begin_keeping();
    bool receive_backlog(receive_operation& into) noexcept;
    void unseal(std::string_view arrived) noexcept;
    void take_unsealed(std::size_t before, bool had_begun, const std::error_code& failed) noexcept;
    /// Until the handshake is over, and the first bytes are there, its deadline is that of the connection.
    bool is_in_record() const noexcept {
        return secured_ && received_ > 0 && secured_->session->is_open() && secured_->session->is_in_record();
    }
    void send_wire(std::string& wire);
    bool is_cut_short() const noexcept;
    bool owes_end() const noexcept {
        return secured_ && !secured_->has_failed && !write_shut_ && secured_->session->is_open();
    }
    void announce_end_sealed() noexcept;
    /// The end of what is written is wanted, and the transport has not told its peer.
    bool owes_announcement() const noexcept {
        return secured_ && secured_->end == secured::ending::wanted && !secured_->has_failed;
    }
    bool seal_pending() noexcept;
    std::error_code seal_into(std::string& wire);
    void sealed_taken() noexcept;
    void wait_for_handshake() noexcept;
    void fail_writing(const std::error_code& why) noexcept;
    void fail_sealing(const std::error_code& why) noexcept;
    void settle_outbox() noexcept;
    /// By a cork, until there is too much of it or somebody waits.
    bool is_held_back() const noexcept;
    /// Charges what the buffers hold now.
    void recount() noexcept;
    void on_sent(int result) noexcept;
    /// What one send offered has not been taken in time.
    void on_send_late() noexcept;
    void on_sent_now(int result) noexcept;
    void put_outbox_away() noexcept;
    /// Ends the send in flight; writing then fails with `why`.
    void give_writing_up(const std::error_code& why) noexcept;

    loop* loop_;
    socket_id socket_;
    endpoint remote_;
    std::shared_ptr<const stream_options> options_;
    lent_bytes lent_;
    std::unique_ptr<std::string> kept_;  ///< an incomplete message, once it outgrew its buffer
    std::size_t taken_ = 0;              ///< bytes at the front of the received that were handed out
    std::size_t scanned_ = 0;            ///< bytes of the unread that hold no end of what `scanned_for_` is
    std::uint64_t received_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t message_offset_ = 0;
    std::uint64_t messages_ = 0;
    /// When the message in hand was first waited for, `not_waited_for` until then; before the first byte:
    /// when there was a connection.
    time_point message_began_{};
    std::unique_ptr<outbox> outbox_;
    std::size_t charged_ = 0;
    std::uint32_t references_ = 1;
    std::uint32_t progressed_;                     ///< a `short_time`
    mutable std::optional<syn_facts> client_syn_;  ///< the kernel tells it once and forgets it
    failure read_failure_;
    std::unique_ptr<secured> secured_;  ///< null on the kernel's bytes themselves
    failure write_failure_;
    std::uint16_t corks_ : 14 = 0;
    passed passed_ : 2 = passed::nothing;
    detail::want scanned_for_ : 4 = detail::want::line;
    enum class answers : std::uint8_t { at_once, in_hand, given } answers_ : 2 = answers::at_once;
    bool as_it_is_ : 1 = false;  ///< what was received is handed out next, even the beginning of a character
    bool ended_ : 1 = false;
    bool stepped_aside_ : 1 = false;
    bool shed_ : 1 = false;
    bool draining_ : 1 = false;
    bool carriage_return_ : 1 = false;
    bool write_shut_ : 1 = false;
    mutable bool noted_ : 1 = false;
    bool closing_ : 1 = false;

public:
    bool is_timed : 1 =
        false;  ///< by the server, for one or more of its messages (server/message_timing.hpp)
};

}  // namespace aperto
