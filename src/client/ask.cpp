// SPDX-License-Identifier: MIT
#include "aperto/client.hpp"
#include "aperto/detail/choice_state.hpp"
#include "aperto/group.hpp"
#include "client/check_client_options.hpp"
#include "client/connect_hosts.hpp"
#include "client/exchange_on.hpp"
#include "client/reply_quiet.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace aperto {
namespace {

/// One question and its answer on an open connection.
struct inquiry {
    stream& peer;
    const std::string& question;
    const client_options& options;
    std::string whom;  ///< the address, which a broken connection no longer tells
    std::string answer{};
    bool sent = false;
    std::optional<duration> quiet = options.quiet;  ///< measured once the reply has begun
};

task<> send_question(inquiry& asked) {
    task<> writing = asked.peer.write_message(asked.question);
    co_await writing;
    // The end of the stream is how a peer without framing knows that the question is whole.
    if (!is_delimited(asked.peer.options()))
        co_await asked.peer.shutdown_write();
    else
        co_await asked.peer.flush();
    asked.sent = true;
}

/// Adds what has arrived to the answer; clears `more` at the end of the stream.
task<> receive_more(inquiry& asked, bool& more) {
    const std::optional<std::string_view> part = co_await asked.peer.read_some();
    more = part.has_value();
    if (!more) co_return;
    const std::size_t limit = asked.options.stream.max_message;
    if (part->size() > limit - asked.answer.size())
        throw error(errc::message_too_large, "take the reply of", asked.whom,
                    "client_options::stream.max_message sets the limit.");
    asked.answer += *part;
}

task<> receive_text(inquiry& asked) {
    for (bool more = true; more;) {
        task<> receiving = receive_more(asked, more);
        // Silence says nothing before the peer has begun to answer, nor while it has not had the whole
        // question.
        const bool may_end = !asked.answer.empty();
        if (may_end && !asked.quiet) asked.quiet = client::reply_quiet(asked.peer.facts());
        const duration limit = may_end ? *asked.quiet : forever;
        const bool quiet = co_await detail::run_limited(std::move(receiving), limit);
        if (quiet && asked.sent) co_return;
    }
}

task<> receive_answer(inquiry& asked) {
    if (!is_delimited(asked.peer.options())) {
        task<> receiving = receive_text(asked);
        co_await receiving;
        co_return;
    }
    const std::optional<std::string_view> message = co_await asked.peer.read_message();
    if (!message)
        throw error(errc::cut_short, "get a reply of", asked.whom,
                    "The other side closed without one. Do both sides use the same framing?");
    // Nothing but the end of the stream can have ended a line that is all that came.
    if (asked.peer.options().framing == framing::line && asked.peer.bytes_received() == message->size())
        throw error(errc::cut_short, "get the whole reply of", asked.whom,
                    "The other side closed in the middle of a line. Do both sides use the same framing?");
    asked.answer = *message;
}

/// A connection that broke off once the question was on its way left us with half an answer or none.
bool is_break(const std::error_code& code) {
    return code == std::errc::connection_reset || code == std::errc::broken_pipe ||
           code == std::errc::connection_aborted;
}

task<> exchange_messages(inquiry& asked) {
    std::error_code broken;
    try {
        task_group both;
        both.spawn(send_question(asked));
        both.spawn(receive_answer(asked));
        task<> joining = both.join();
        co_await joining;
    } catch (const error& why) {
        if (!is_break(why.code())) throw;
        broken = why.code();
    }
    if (broken)
        throw error(errc::cut_short, "get the whole reply of", asked.whom,
                    "The connection broke off: " + broken.message() + '.');
}

/// One deadline rules the whole exchange; the stream's own are for conversations that go on.
client_options for_one_question(client_options options) {
    options.stream.idle_timeout = options.stream.message_deadline = options.stream.write_deadline = forever;
    return options;
}

/// The answer on an open connection, by `until`, after which nothing more is asked on it.
task<std::string> ask_on(stream peer, const std::string& message, const client_options& options,
                         time_point until) {
    task<std::string> asking = client::exchange_on(peer, message, options, until);
    std::string answer = co_await asking;
    if (is_delimited(options.stream)) co_await peer.shutdown_write();
    co_return answer;
}

/// The answer; empty where the connection broke before it was whole, which is then in `why`.
task<std::optional<std::string>> try_ask(stream peer, const std::string& message,
                                         const client_options& options, time_point until,
                                         std::optional<error>& why) {
    try {
        task<std::string> asking = ask_on(std::move(peer), message, options, until);
        co_return co_await asking;
    } catch (const error& broken) {
        if (broken.code() != errc::cut_short) throw;
        why = broken;
    }
    co_return std::nullopt;
}

time_point deadline_of_reply(const client_options& options) {
    return detail::time_after(loop::current().read_now(), options.reply_deadline);
}

}  // namespace

task<std::string> client::exchange_on(stream& peer, const std::string& message, const client_options& options,
                                      time_point until) {
    inquiry asked{peer, message, options, peer.remote().to_string()};
    task<> exchanging = exchange_messages(asked);
    const duration left = detail::time_left(until, loop::current().read_now());
    const bool late = co_await detail::run_limited(std::move(exchanging), left);
    if (late)
        throw error(
            errc::deadline, "get a reply of", asked.whom,
            asked.answer.empty()
                ? "It is connected, but silent. Does it know that the message is whole? Compare the framing."
                : "A part of it has come, but not its end. client_options::reply_deadline bounds the whole.");
    co_return std::move(asked.answer);
}

task<std::string> async_ask(host_port where, std::string message, client_options options) {
    client::check_client_options(options);
    options = for_one_question(std::move(options));
    task<stream> connecting = connect(std::move(where), options);
    stream peer = co_await connecting;
    task<std::string> asking = ask_on(std::move(peer), message, options, deadline_of_reply(options));
    co_return co_await asking;
}

task<std::string> async_ask(std::vector<host_port> hosts, std::string message, client_options options) {
    client::check_client_options(options);
    options = for_one_question(std::move(options));
    task<std::vector<host_port>> finding = client::each_host(std::move(hosts), options.connect_timeout);
    hosts = co_await finding;
    time_point until = time_point::max();
    for (unsigned asked = 1;; ++asked) {
        std::size_t reached = 0;
        task<stream> connecting = client::connect_any(hosts, options, reached);
        stream peer = co_await connecting;
        if (asked == 1) until = deadline_of_reply(options);
        std::optional<error> why;
        task<std::optional<std::string>> asking = try_ask(std::move(peer), message, options, until, why);
        std::optional<std::string> answer = co_await asking;
        if (answer) co_return std::move(*answer);
        if (!options.ask_again || asked == options.retry.rounds) throw error(*why);
        // Next the one after it, and that one last.
        std::rotate(hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(reached) + 1, hosts.end());
    }
}

task<std::string> async_ask(std::string_view where, std::string_view message, client_options options) {
    return async_ask(host_port::parse(where), std::string(message), std::move(options));
}

std::string ask(std::string_view where, std::string_view message, client_options options) {
    assert(!loop::has_current() && "ask blocks: on a loop's thread, co_await async_ask");
    const std::unique_ptr<loop> on = loop::create({.which = options.engine});
    return on->run(async_ask(where, message, std::move(options)));
}

}  // namespace aperto
