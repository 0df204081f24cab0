// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/framing.hpp"
#include "aperto/loop.hpp"
#include "aperto/proxy_facts.hpp"
#include "aperto/transport.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace aperto {

class memory_account;

/// How a connection is read, written and ended. Every wait has a limit; `forever` is there for who wants
/// none.
struct stream_options {
    /// Where a message ends; what `read_message` and `write_message` go by.
    aperto::framing framing = framing::stream;
    /// A framing of one's own, in place of `framing`; a message is then written as it is.
    frame_finder finder = nullptr;
    /// Largest message or line, bytes of payload. A larger one ends the conversation with
    /// `message_too_large`.
    std::size_t max_message = 1024 * 1024;
    /// How long a wait for the first byte of a message may last. While a handler that is a coroutine has a message
    /// in hand, its client is not idle.
    duration idle_timeout = std::chrono::seconds(60);
    /// From the connection to the peer's first byte, where that is sooner than `idle_timeout`.
    duration handshake_deadline = forever;
    /// From a message's first byte to its last: a byte now and then does not extend it.
    duration message_deadline = std::chrono::seconds(30);
    /// How long the peer may take to accept what one send offers, at most `high_water` bytes at a time.
    duration write_deadline = std::chrono::seconds(30);
    /// Bytes written and not yet taken by the kernel, past which a write waits.
    std::size_t high_water = 256 * 1024;
    /// An orderly close waits so long for the peer's end of stream, and reads so many bytes, before it gives
    /// up.
    duration close_deadline = std::chrono::seconds(2);
    std::size_t close_drain_max = 1024 * 1024;  ///< bytes
    /// What the stream stands on, like TLS (tls.hpp). None: the kernel's bytes themselves.
    std::shared_ptr<const aperto::transport> transport{};
    /// A server's: what its buffers of one loop hold. None: not counted.
    std::shared_ptr<memory_account> account{};
};

/// Whether messages have an end of their own.
constexpr bool is_delimited(const stream_options& chosen) noexcept {
    return chosen.finder || is_delimited(chosen.framing);
}

class connection;

namespace detail {

/// What a read asks for.
enum class want : std::uint8_t {
    some,
    at_most,
    at_least,
    line,
    crlf_line,
    exactly,
    message,
    frame,
    handshake
};

class [[nodiscard]] read_awaiter : public operation_awaiter<receive_operation>, private deadline {
public:
    /// How many bytes, by what, or until when instead of the options' deadlines: no read is asked for two of them.
    union details {
        details(std::size_t of) noexcept : count(of) {}       // NOLINT(google-explicit-constructor)
        details(frame_finder of) noexcept : finder(of) {}     // NOLINT(google-explicit-constructor)
        details(time_point limit) noexcept : until(limit) {}  // NOLINT(google-explicit-constructor)
        std::size_t count;
        frame_finder finder;
        time_point until;
    };
    read_awaiter(connection& from, want what, std::size_t count = 0) noexcept
        : read_awaiter(from, what, count, false) {}
    read_awaiter(connection& from, frame_finder finder) noexcept
        : read_awaiter(from, want::frame, finder, false) {}
    read_awaiter(connection& from, want what, time_point until) noexcept
        : read_awaiter(from, what, until == time_point::max() ? details(std::size_t{0}) : details(until),
                       until != time_point::max()) {}
    read_awaiter(read_awaiter&& unused) noexcept
        : read_awaiter(unused.from_, unused.want_, unused.details_, unused.has_until_) {}
    ~read_awaiter();
    bool await_ready();
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return begin(); });
    }
    /// Empty at the end of the stream.
    std::optional<std::string_view> await_resume();

protected:
    /// What kept it from its end; none where `await_resume` would not throw.
    std::error_code outcome() noexcept;

private:
    friend class aperto::connection;

    read_awaiter(connection& from, want what, details more, bool has_until) noexcept;
    bool is_misused() noexcept;
    void end_misused() noexcept;
    bool try_take() noexcept;
    bool begin();
    bool receive();
    static void on_bytes(operation& done);
    static void on_deadline(timer& passed);

    connection& from_;
    std::optional<std::string_view> found_;
    details details_;
    want want_;
    bool has_until_;
    bool over_share_ = false;  ///< what is wanted may be there, but others have their turn first
    bool misused_ = false;     ///< beside another read, or its stream went while it waited
};

/// Copies what it reads.
class [[nodiscard]] read_into_awaiter : public read_awaiter {
public:
    read_into_awaiter(connection& from, std::span<char> memory) noexcept
        : read_awaiter(from, want::at_most, memory.size()), memory_(memory) {}
    std::size_t await_resume() {
        const std::string_view found = read_awaiter::await_resume().value_or(std::string_view());
        found.copy(memory_.data(), memory_.size());
        return found.size();
    }

private:
    std::span<char> memory_;
};

/// Waits until there is room to write, until what was written is sent, or until that and the end of the
/// stream are.
class [[nodiscard]] write_awaiter : public operation_awaiter<operation> {
public:
    enum class until : std::uint8_t { accepted, sent, shut_down };
    write_awaiter(connection& to, std::string_view data, until when) noexcept;
    /// `parts` is the caller's.
    write_awaiter(connection& to, std::span<const std::string_view> parts) noexcept;
    write_awaiter(write_awaiter&& unused) noexcept;
    ~write_awaiter();
    bool await_ready();
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return suspend(awaiting, [this] { return begin(); });
    }
    void await_resume();

protected:
    /// As `await_resume`, giving what that throws.
    std::error_code outcome();

private:
    friend class aperto::connection;
    void end_misused() noexcept;
    bool begin();
    bool satisfied() const noexcept;
    std::span<const std::string_view> parts() const noexcept {
        return is_one_ ? std::span(&one_, 1) : several_;
    }

    connection& to_;
    union {
        std::string_view one_;
        std::span<const std::string_view> several_;
    };
    std::size_t size_;  ///< of all of it
    until until_;
    bool is_one_;           ///< part, and not several
    bool misused_ = false;  ///< beside another write, or its stream went while it waited
};

}  // namespace detail

/// One side's end of a TCP connection: bytes in order, intact, both ways.
///
///     aperto::task<> session(aperto::stream peer) {
///         while (auto line = co_await peer.read_line())
///             co_await peer.write(aperto::to_upper(*line) + "\n");
///     }
///
/// Movable, not copyable; used on its loop's thread. At most one read and one write wait at a time; a read
/// and a write may wait together. A second one, and a `close` beside one that waits, throws `errc::misuse`.
/// Destroying it ends the connection in order, in the background, also after a read that failed: what was
/// written is sent, the end of the stream is announced, and the peer gets the time to read it
/// (`close_deadline`). A read or write that still waits then throws `errc::misuse`.
///
/// Every read gives an empty optional at the end of the stream: that the peer has finished is not an error. A
/// broken connection is an `error`: `std::errc::connection_reset`, `errc::deadline` where a deadline passed,
/// `std::errc::timed_out` or `host_unreachable` where the kernel gave it up, `errc::message_too_large`,
/// `errc::malformed` where a finder says so, `errc::cut_short`, what its transport fails by (tls_error.hpp). A wait whose scope is cancelled throws `cancellation`, which is no `error`.
///
/// A view that a read gives is good until the next read on the same stream, across any writes between.
class stream {
public:
    stream() noexcept = default;
    stream(stream&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
    stream& operator=(stream&& other) noexcept;
    ~stream();

    /// Whether it has a connection: false by default, and after a move.
    explicit operator bool() const noexcept { return connection_ != nullptr; }

    // ---- reading: co_await each

    /// What has arrived, at least one byte; with framing `stream`'s care for UTF-8 use `read_message`.
    detail::read_awaiter read_some() { return {*connection_, detail::want::some}; }
    /// The same, copied: at most as many bytes as `into` has, which must be one at least; the rest stays for
    /// the next read. Gives how many, 0 at the end of the stream.
    detail::read_into_awaiter read_into(std::span<char> into) { return {*connection_, into}; }
    /// As bytes.
    detail::read_into_awaiter read_into(std::span<std::byte> into) {
        return read_into(std::span(reinterpret_cast<char*>(into.data()), into.size()));
    }
    /// All that has arrived and was not taken, once that is `count` bytes, 1 to `max_message`, without taking
    /// it: `consume` does that. The end of the stream before `count` is as in `read_exactly`.
    detail::read_awaiter peek(std::size_t count = 1) { return {*connection_, detail::want::at_least, count}; }
    /// Takes the first `count` bytes of what `peek` gave; what it gave stays good until the next read. Throws
    /// `errc::misuse` where less has arrived.
    void consume(std::size_t count);
    /// Bytes that have arrived and that no read has taken: what a peer sent behind its request without waiting for the
    /// answer. 0 says nothing of what is on its way.
    std::size_t unread() const noexcept;
    /// A line without its end, LF or CR LF. The last line may lack its end.
    detail::read_awaiter read_line(line_end end = line_end::any) {
        return {*connection_, end == line_end::any ? detail::want::line : detail::want::crlf_line};
    }
    /// `count` bytes, 1 to `max_message`. The end of the stream before the first byte is empty, after it
    /// `cut_short`.
    detail::read_awaiter read_exactly(std::size_t count) {
        return {*connection_, detail::want::exactly, count};
    }
    /// The message of a frame that `finder` finds. A parser of one's own keeps its deadline so:
    /// `message_deadline` runs from the frame's first byte to its last. `errc::misuse` where `finder` breaks
    /// its contract.
    detail::read_awaiter read_frame(frame_finder finder) { return {*connection_, finder}; }
    /// A whole message in the framing of the options.
    detail::read_awaiter read_message() { return {*connection_, detail::want::message}; }

    /// Whether it may be used again for something new: nothing is unread or unsent, nobody waits on it, neither side has
    /// ended or failed, and nothing more has come, which the kernel is asked (recv(2), MSG_PEEK). With TLS a session's
    /// ticket that no read has taken counts as having come. What the peer sends a moment later nobody knows.
    bool at_rest() const noexcept;

    // ---- writing: co_await each

    /// Sends `data`. It returns once the stream has taken the bytes: small ones are copied and sent together
    /// at the end of the loop's turn, large ones are sent from where they are before it returns. Past
    /// `high_water` it waits for the peer. A failure to send is thrown by the next call. A large write that
    /// is cancelled ends writing for good, since a part of it may be on its way: what came after it could not
    /// be told from the rest.
    detail::write_awaiter write(std::string_view data) {
        return {*connection_, data, detail::write_awaiter::until::accepted};
    }
    /// Bytes rather than text.
    detail::write_awaiter write(std::span<const std::byte> data) {
        return write(std::string_view(reinterpret_cast<const char*>(data.data()), data.size()));
    }
    /// Several parts as one: small ones are copied together, large ones sent from where they are, in one call of the
    /// kernel as far as it takes them. `parts` is an array of the caller's that stays meanwhile.
    detail::write_awaiter write(std::span<const std::string_view> parts) { return {*connection_, parts}; }
    /// `size` bytes of a file from `offset` on, as they are: sendfile(2), so that what is in the page cache is not
    /// copied; what is not is read from the disk meanwhile, on this thread. `file` is the caller's, stays open until
    /// this has ended, and keeps its own position. It returns once the kernel has all of it. Throws as a write, and
    /// `errc::cut_short` where the file is shorter: the stream then lacks the rest. Nothing else may be written
    /// meanwhile.
    task<> send_file(int file, std::uint64_t offset, std::uint64_t size);
    /// A message in the framing of the options. What `message` views stays until this has ended, which begins when it is
    /// awaited.
    task<> write_message(std::string_view message);
    /// The same of a string that nobody else has: it is kept, so that the task may be kept too.
    template <std::same_as<std::string> Text>
    task<> write_message(Text&& message) {
        return write_kept(std::move(message));  // NOLINT(bugprone-move-forwarding-reference): never an lvalue
    }
    /// Writes `data` where there is room for all of it, and never waits: for one who tells many, and leaves
    /// out who is slow. False, and nothing of it is written, where it would pass `high_water`, where another
    /// write waits, and where writing has ended or failed; the reader is told of that. Throws std::bad_alloc.
    bool try_write(std::string_view data);
    /// Bytes written that the kernel has not taken yet.
    std::size_t unsent() const noexcept;
    /// Waits until the kernel has taken all that was written.
    detail::write_awaiter flush() { return {*connection_, {}, detail::write_awaiter::until::sent}; }
    /// Half-close: sends what was written, then the end of the stream. Reading goes on.
    detail::write_awaiter shutdown_write() {
        return {*connection_, {}, detail::write_awaiter::until::shut_down};
    }

    // ---- what it stands on

    /// Waits until the transport's handshake is over; at once where there is no transport. Servers and `connect` have
    /// done so: it is for streams that were made otherwise (`from_fd`, `pair`, `listener`), before anything is
    /// written. `handshake_deadline` bounds it, or `idle_timeout` where that is shorter. Throws as a read, and what
    /// the transport fails by (tls_error.hpp).
    task<> handshake();
    /// Goes on by `with`, and waits for its handshake: for protocols that begin in plain text and ask for TLS in it
    /// (STARTTLS). What was written goes out before. Bytes that have already arrived behind the request are nobody's
    /// that could be trusted: `tls::errc::plaintext_behind` (CVE-2011-0411). `name`: by what the peer was connected to,
    /// for a client. Throws `errc::misuse` where something waits to be read or written, or where it has a transport.
    task<> start_tls(std::shared_ptr<const aperto::transport> with, std::string name = std::string());
    /// What its transport knows; none where it has none, or its handshake is not over.
    std::optional<transport_facts> transport() const;

    // ---- ending

    /// Ends in order and waits for it: flush, end of stream, then reads until the peer's end or
    /// `close_deadline`, so that the last reply is never destroyed by a reset. Does not throw for what the
    /// peer does meanwhile.
    task<> close();
    /// Ends at once with a reset (RST); what is unsent is lost. Nothing where there is no connection.
    void abort() noexcept;

    // ---- knowing

    /// This side's address.
    endpoint local() const;
    /// The peer's address.
    endpoint remote() const;
    /// What the kernel knows of this connection now; of a Unix socket nothing.
    tcp_facts facts() const;
    /// What a trusted proxy told of the peer (`options::proxy_from`); null where there is none. Lives as long as the
    /// stream.
    const proxy_facts* proxied() const noexcept;
    /// A server's: it drains, and takes no new client. A read ends at the next message; who waits for something
    /// else, or begins something long, asks.
    bool stopping() const noexcept;
    /// Taken from the kernel; with a transport, what was sealed in that.
    std::uint64_t bytes_received() const noexcept;
    /// Taken by the kernel; with a transport, what was sealed in that.
    std::uint64_t bytes_sent() const noexcept;
    /// The options that it was made with.
    const stream_options& options() const noexcept;
    /// The descriptor, for what this library does not offer; -1 in a simulation. The stream keeps it.
    int native_handle() const noexcept;
    /// Its loop.
    loop& owner() const noexcept;

    /// A stream on a socket of `on`. The options are shared by every connection of a server. `remote`: the
    /// peer's address where it is known; else the kernel is asked. `name`: by what it was connected to, for the
    /// transport of the options. Throws what that throws.
    static stream adopt(loop& on, socket_id socket, std::shared_ptr<const stream_options> options,
                        const endpoint& remote = {}, std::string_view name = {});

    /// A stream on a connected socket that somebody else opened, of any family (AF_UNIX too), on the current
    /// loop. It is the stream's from then on. Throws `error` where it is no connected stream socket; it then
    /// stays the caller's; std::bad_alloc may have closed it. Not in a simulation.
    static stream from_fd(int descriptor, const stream_options& options = {});

    /// Two streams that are each other's peer, on the current loop, in this machine's memory (socketpair(2)): for
    /// tests of a handler, and for parts of a program that talk as if over a network. Throws `error`. Not in a
    /// simulation.
    static std::pair<stream, stream> pair(const stream_options& options = {});

private:
    friend class connection;
    friend class cork;
    friend class session;
    friend class worker;
    explicit stream(connection* taken) noexcept : connection_(taken) {}
    task<> write_kept(std::string message);
    connection* connection_ = nullptr;
};

/// Keeps what is written together across waits: while it lives, small writes go out only when it ends, or when they
/// are half of `high_water`, or a `flush` or a half-close asks for it. Without it what was written goes out with the
/// loop's turn.
///
///     const aperto::cork together(peer);
///     co_await peer.write(header);
///     co_await peer.write(co_await look_up(name));  // one segment, not two
///
/// Several may overlap; the last that ends sends. On the stream's thread.
class cork {
public:
    /// Of a stream that has a connection.
    explicit cork(stream& on) noexcept;
    ~cork();
    cork(const cork&) = delete;
    cork& operator=(const cork&) = delete;

private:
    connection& on_;
};

}  // namespace aperto
