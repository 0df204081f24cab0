// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/error.hpp"
#include "aperto/events.hpp"
#include "aperto/limits.hpp"
#include "aperto/open_connections.hpp"
#include "aperto/server_options.hpp"
#include "aperto/stream.hpp"

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace aperto {

namespace detail {

/// What a handler keeps of a connection.
struct state {
    state() = default;
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    virtual ~state() = default;
};
template <class T>
struct state_of final : state {
    T value{};
};

}  // namespace detail

/// One message and the means to answer it; for handlers that want more than text in, text out.
///
///     void handle(std::string_view message, aperto::exchange& with) { with.reply(message); }
///
/// Lives for the call only; for a coroutine, until it ends.
class exchange {
public:
    /// Appends to the answer. All that a call appends is one message in the server's framing; nothing
    /// appended is an empty answer, which the framings `line` and `length` send and `stream` does not show.
    void reply(std::string_view text) { out_->append(text); }
    /// The answer itself, to append to without a copy; what is already there must stay.
    std::string& out() noexcept { return *out_; }
    /// Sends no answer to this message, whatever was appended.
    void no_reply() noexcept { silent_ = true; }
    /// Whether an answer will be sent: false after `no_reply`.
    bool is_answered() const noexcept { return !silent_; }
    /// Ends the conversation, in order, after this answer.
    void close() noexcept { close_ = true; }

    /// The connection, as events see it.
    const connection_view& who() const noexcept { return *who_; }
    /// The client's address.
    endpoint remote() const { return who_->remote(); }
    /// This side's address.
    endpoint local() const { return who_->local(); }
    /// What the kernel knows of the connection now.
    tcp_facts facts() const { return who_->facts(); }
    /// What the transport knows of it, like the client's certificate; none where there is none.
    std::optional<transport_facts> transport() const { return who_->transport(); }
    /// Where the message's first byte stands in what the client sent, counted from the start of the stream.
    std::uint64_t offset() const noexcept { return offset_; }
    /// Yours, one a connection: made by its default constructor when it is first asked for, and destroyed with the
    /// connection. Of one type for all messages of a connection: another throws `errc::misuse`.
    template <class T>
    T& state() {
        if (!*state_) *state_ = std::make_unique<detail::state_of<T>>();
        auto* const mine = dynamic_cast<detail::state_of<T>*>(state_->get());
        if (!mine) throw error(errc::misuse, "give a connection a state of a second type");
        return mine->value;
    }
    /// Whether it has been asked for.
    bool has_state() const noexcept { return *state_ != nullptr; }
    /// Where what makes messages safe adds the time that it took; null where this message is not timed.
    duration* recording() const noexcept { return recording_; }

private:
    friend class message_conversation;
    friend class answering;
    exchange(const connection_view& who, std::unique_ptr<detail::state>& state, std::string& out,
             std::uint64_t offset) noexcept
        : who_(&who), state_(&state), out_(&out), offset_(offset) {}
    const connection_view* who_;
    std::unique_ptr<detail::state>* state_;
    std::string* out_;
    std::uint64_t offset_;
    bool silent_ = false;
    bool close_ = false;
    duration* recording_ = nullptr;
};

namespace detail {
template <class T>
T result_of(const task<T>&);  // for concepts; has no body

/// A reference to a stream that its caller has: the coroutine would outlive it.
template <class F>
struct takes_stream_reference : std::false_type {};
template <class R>
struct takes_stream_reference<R (*)(stream&&)> : std::true_type {};
template <class R, class F>
struct takes_stream_reference<R (F::*)(stream&&)> : std::true_type {};
template <class R, class F>
struct takes_stream_reference<R (F::*)(stream&&) const> : std::true_type {};
template <class F>
    requires requires { &F::operator(); }
struct takes_stream_reference<F> : takes_stream_reference<decltype(&F::operator())> {};
}  // namespace detail

/// The forms that a handler is kept in. Here: called with each message, answers before it returns.
using message_handler = std::function<void(std::string_view message, exchange& with)>;
/// The same as a coroutine, which may wait before it answers. `message` and `with` are good until it ends.
using answer_handler = std::function<task<>(std::string_view message, exchange& with)>;
/// A coroutine that owns the conversation.
using session_handler = std::function<task<>(stream peer)>;

/// Message in, message out: returns what is sent back.
template <class F>
concept replies_to_message = requires(F& f, std::string_view message) {
    { f(message) } -> std::convertible_to<std::string_view>;
};
/// Message and exchange in: what it puts into the exchange is sent back.
template <class F>
concept handles_exchange = requires(F& f, std::string_view message, exchange& with) {
    { f(message, with) } -> std::same_as<void>;
};
/// The same as coroutines: one that asks somebody else before it answers.
///
///     aperto::task<std::string> answer(std::string_view message) { … co_await …; co_return reply; }
template <class F>
concept replies_later = requires(F& f, std::string_view message) {
    { detail::result_of(f(message)) } -> std::convertible_to<std::string_view>;
};
/// The same with an exchange.
template <class F>
concept handles_exchange_later = requires(F& f, std::string_view message, exchange& with) {
    { f(message, with) } -> std::same_as<task<>>;
};
/// A coroutine that owns the conversation. The server counts and limits the connection until the coroutine
/// ends; a stream that it gave away by then is its new owner's alone.
template <class F>
concept owns_conversation = requires(F& f, stream peer) {
    { f(std::move(peer)) } -> std::same_as<task<>>;
} && !detail::takes_stream_reference<F>::value;

/// One of the five forms of handler.
template <class F>
concept handles_in_some_form = replies_to_message<F> || handles_exchange<F> || replies_later<F> ||
                               handles_exchange_later<F> || owns_conversation<F>;

namespace detail {
template <class Text>
task<> reply_later(task<Text> replying, exchange& with) {
    with.reply(co_await replying);
}
}  // namespace detail

/// What a server does with a connection. Converts from each form of handler. The same handler serves every
/// worker, from its thread: what it shares it must guard.
class handler {
public:
    /// From text to text.
    template <replies_to_message F>
    handler(F f)  // NOLINT(google-explicit-constructor): a lambda in the place of a handler is the point
        : message_([f = std::move(f)](std::string_view message, exchange& with) mutable {
              with.reply(f(message));
          }) {}
    /// With an exchange.
    template <handles_exchange F>
    handler(F f) : message_(std::move(f)) {}  // NOLINT(google-explicit-constructor)
    /// From text to a task of text.
    template <replies_later F>
    handler(F f)  // NOLINT(google-explicit-constructor)
        : answer_([f = std::move(f)](std::string_view message, exchange& with) mutable {
              return detail::reply_later(f(message), with);
          }) {}
    /// With an exchange, a task.
    template <handles_exchange_later F>
    handler(F f) : answer_(std::move(f)) {}  // NOLINT(google-explicit-constructor)
    /// With the stream, a task.
    template <owns_conversation F>
    handler(F f) : session_(std::move(f)) {}  // NOLINT(google-explicit-constructor)

    /// Anything else does not compile, and the error says what a handler is.
    template <class F>
        requires(!handles_in_some_form<F> && !std::same_as<F, handler>)
    handler(F /*unknown*/) {  // NOLINT(google-explicit-constructor)
        static_assert(
            handles_in_some_form<F>,
            "a handler is called with a std::string_view, alone (and gives the answer: text, or a "
            "task of text) or with an exchange& (void or task<>); or with a stream by value, not by "
            "reference, and gives a task<>");
    }

    /// Empty, as the other two, where the handler is of another form.
    const message_handler& on_message() const noexcept { return message_; }
    /// Of a handler of messages that is a coroutine.
    const answer_handler& on_answer() const noexcept { return answer_; }
    /// Of a handler that owns the conversation.
    const session_handler& on_session() const noexcept { return session_; }

private:
    message_handler message_;
    answer_handler answer_;
    session_handler session_;
};

/// A server as an object: start, stop, wait. Leaves the program's signals alone.
///
///     aperto::server echo({.port = 0}, handler);
///     echo.start();
///     …  echo.endpoints().front().port() …
///     echo.stop();
///     echo.wait();
class server {
public:
    /// Throws `error` where an option is not in its range.
    server(aperto::options options, handler what);
    /// Stops, and waits until everything has ended.
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    /// Binds, listens and starts the workers. When it returns, clients can connect. Throws `error` when it
    /// cannot.
    void start();
    /// Asks for the orderly end: no new clients, conversations in progress may end, up to `drain_deadline`.
    /// Any thread, any number of times; async-signal-safe it is not.
    void stop() noexcept;
    /// Serves on by other options, without ending a connection. Taken over are `max_message`, the deadlines and
    /// `high_water`, for connections from now on; `memory_budget`, `max_connections…`, `accept_rate`, `exempt`, `allow`,
    /// `deny`, `proxy_from` and `drain_…`; everything else of `changed` is left as it was. Who is connected already stays,
    /// also where it would not be let in any more. After `start`, or within `run_on`; any thread. Throws `error` where an
    /// option is not in its range, and changes nothing then.
    void renew(const options& changed);
    /// Begins to serve on `options::handed_over`, with this server's options. Any thread, any number of times.
    void take_over() noexcept;
    /// As `stop`, once another has taken over: without `drain_delay`, and the names of Unix sockets are left to it.
    void leave() noexcept;
    /// Waits until the workers have ended. Throws what a worker threw.
    void wait();

    /// Runs the whole server on one loop that the caller runs, as one worker whatever `options::workers`
    /// says: for programs that have a loop, and for simulations. Ends after `stop`.
    task<> run_on(loop& on);

    /// Where it listens, with the actual port. After `start`.
    const std::vector<endpoint>& endpoints() const noexcept;
    /// Each socket that clients come to, for `options::handed_over` of the next (SCM_RIGHTS, unix(7)): descriptors of your
    /// own, to be closed soon. From `start` to `stop`; any thread. Throws `error`. Not in a simulation.
    std::vector<int> listeners() const;
    /// The engine of its workers, and why: one line, also where they differ. After `start`.
    std::string why() const;
    /// What each worker runs. After `start`.
    std::vector<engine> engines() const;
    /// The workers that it has, or will have once started.
    unsigned workers() const noexcept;
    /// Connections open now. Any thread.
    std::size_t connections() const noexcept;
    /// Any thread.
    server_counters counters() const noexcept;
    /// The open connections behind `mark`, which moves on: some at a time. All workers are asked at once, each tells on its
    /// own loop of few in one turn of it, so that ten thousand are looked through while it serves. Empty: there are no
    /// more. Who comes meanwhile is told of, who goes is not; nobody is told of twice. A worker that does not answer within
    /// a second, because a handler blocks its loop, is passed over from then on, which `mark` says.
    ///
    ///     for (aperto::connections_mark mark;;) {
    ///         const auto some = co_await serving.next_connections(mark);
    ///         if (some.empty()) break;
    ///         …
    ///     }
    ///
    /// On any loop, the server's own too. Any number of looks at once. `mark` must live until it ends. Throws
    /// std::bad_alloc, `cancellation`.
    task<std::vector<open_connection>> next_connections(connections_mark& mark) const;
    /// What each worker is busy with, likewise; of those that do not answer, only that.
    task<std::vector<worker_load>> loads() const;

private:
    struct state;
    std::shared_ptr<state> state_;
};

/// Serves until SIGINT or SIGTERM, then ends cleanly. Gives the exit code for `main`: 0; 5 when it could not
/// start (the port is in use, an option is not in its range), 1 when it failed later, with the reason on
/// standard error. Where that is a terminal, and nobody takes the events, it says there where it listens. Any
/// thread, whatever other threads there are.
int serve(const options& options, handler what);
/// The same with every other option as it is by default.
int serve(std::uint16_t port, handler what);

}  // namespace aperto
