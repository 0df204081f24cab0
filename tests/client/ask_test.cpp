// SPDX-License-Identifier: MIT
#include "aperto/client.hpp"
#include "aperto/listener.hpp"
#include "aperto/sleep.hpp"
#include "client/reply_quiet.hpp"
#include "net/duet.hpp"

#include <gmock/gmock.h>

#include <future>
#include <thread>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class Ask : public StreamTest {
protected:
    /// Plays a server's part of one conversation, on a thread and a loop of its own, and asks it.
    template <class Part>
    std::string ask_of(Part part, std::string_view question, client_options options = {}) {
        const std::unique_ptr<loop> server = loop::create({.which = engine::epoll});
        std::promise<std::uint16_t> port;
        options.engine = GetParam();
        std::thread serving([&] {
            stream_options spoken = options.stream;
            const auto serve_one = [](std::promise<std::uint16_t>& where, stream_options how,
                                      Part& play_part) -> task<> {
                listener door(endpoint::parse("127.0.0.1:0"), {}, how);
                where.set_value(door.local().port());
                stream client = co_await door.accept();
                task<> conversation = play_part(std::move(client));
                co_await conversation;
            };
            server->spawn(serve_one(port, spoken, part));
            server->run();
        });
        const std::string where = "127.0.0.1:" + std::to_string(port.get_future().get());
        const ending at_end{serving, *server};
        return ask(where, question, options);
    }

private:
    struct ending {
        std::thread& thread;
        loop& server;
        ~ending() {
            server.stop();
            thread.join();
        }
    };
};
INSTANTIATE_TEST_SUITE_P(Engines, Ask, testing::Values(engine::uring, engine::epoll), engine_name);

/// The lesson's server: reads once, answers once, closes.
task<> answer_once(stream client) {
    const auto question = co_await client.read_message();
    EXPECT_EQ(question, "texto original");
    task<> writing = client.write_message("TEXTO ORIGINAL");
    co_await writing;
}

TEST_P(Ask, HasTheAnswerInEveryFraming) {
    for (const framing which : {framing::stream, framing::line, framing::length}) {
        client_options options;
        options.stream.framing = which;
        EXPECT_EQ(ask_of(answer_once, "texto original", options), "TEXTO ORIGINAL") << to_string(which);
    }
}

TEST_P(Ask, TakesSilenceForTheEndWhereTheServerNeverCloses) {
    const auto keep_open = [](stream client) -> task<> {
        while (auto part = co_await client.read_some())
            co_await client.write("ANSWER");
        // It has read the client's end of stream, and never ends its own.
        co_await sleep(forever);
    };
    const time_point before = clock::now();
    EXPECT_EQ(ask_of(keep_open, "question", {.quiet = 50ms}), "ANSWER");
    EXPECT_LT(clock::now() - before, 5s);
}

TEST_P(Ask, WaitsOutAPauseOfALostSegment) {
    // Two retransmissions in a row, of Linux's smallest timeout (RFC 6298, 5.5).
    const auto pause = [](stream client) -> task<> {
        co_await client.read_some();
        co_await client.write("HALF AN ");
        co_await client.flush();
        co_await sleep(600ms);
        co_await client.write("ANSWER");
    };
    EXPECT_EQ(ask_of(pause, "question"), "HALF AN ANSWER");
}

TEST_P(Ask, EndsATrickleByTheReplyDeadline) {
    const auto trickle = [](stream client) -> task<> {
        while (true) {
            co_await client.write(".");
            co_await sleep(5ms);
        }
    };
    for (const std::optional<duration> quiet :
         {std::optional<duration>(), std::optional<duration>(forever)}) {
        try {
            ask_of(trickle, "question", {.reply_deadline = 60ms, .quiet = quiet});
            FAIL();
        } catch (const error& why) {
            EXPECT_EQ(why.code(), errc::deadline);
            EXPECT_THAT(why.advice(), testing::HasSubstr("not its end"));
        }
    }
}

TEST_P(Ask, TakesNoSilenceForTheEndWhereOnlyTheEndIs) {
    const auto keep_open = [](stream client) -> task<> {
        co_await client.read_some();
        co_await client.write("ANSWER");
        co_await sleep(forever);
    };
    try {
        ask_of(keep_open, "question", {.reply_deadline = 60ms, .quiet = forever});
        FAIL();
    } catch (const error& why) {
        EXPECT_EQ(why.code(), errc::deadline);
    }
}

TEST(ReplyQuiet, FollowsTheRetransmissionTimeout) {
    tcp_facts known;
    EXPECT_EQ(client::reply_quiet(known), 1s) << "nothing is known";
    known.rto = 20ms;
    EXPECT_EQ(client::reply_quiet(known), 1s) << "RFC 6298, 2.4";
    known.rto = 204ms;
    EXPECT_EQ(client::reply_quiet(known), 7 * 204ms);
    known.rto = 1s;
    EXPECT_EQ(client::reply_quiet(known), 7s);
}

TEST_P(Ask, WaitsForTheFirstByteLongerThanForTheNext) {
    const auto think_first = [](stream client) -> task<> {
        co_await client.read_some();
        co_await sleep(60ms);
        co_await client.write("AT LAST");
    };
    EXPECT_EQ(ask_of(think_first, "question", {.quiet = 10ms}), "AT LAST");
}

TEST_P(Ask, HasAnEmptyAnswerToo) {
    const auto discard = [](stream client) -> task<> {
        while (co_await client.read_some()) {
        }
    };
    EXPECT_EQ(ask_of(discard, "question"), "");
    EXPECT_EQ(ask_of(discard, ""), "");
}

TEST_P(Ask, ReadsWhileItWritesSoThatALargeEchoDoesNotBlock) {
    const auto echo = [](stream client) -> task<> {
        while (auto part = co_await client.read_some())
            co_await client.write(*part);
    };
    std::string question(16 * 1024 * 1024, 'x');
    for (std::size_t i = 0; i < question.size(); i += 997)
        question[i] = static_cast<char>('a' + i % 26);
    client_options options;
    options.stream.max_message = question.size();
    EXPECT_TRUE(ask_of(echo, question, options) == question);
    options.stream.max_message = question.size() - 1;
    try {
        ask_of(echo, question, options);
        FAIL();
    } catch (const error& why) {
        EXPECT_EQ(why.code(), errc::message_too_large);
    }
}

TEST_P(Ask, TellsAnAnswerThatBrokeOff) {
    const auto reset = [](stream client) -> task<> {
        co_await client.read_some();
        co_await client.write("HALF AN ANS");
        co_await client.flush();
        client.abort();
    };
    const auto close_inside_frame = [](stream client) -> task<> {
        co_await client.read_message();
        co_await client.write(std::string_view("\0\0\0\7HALF", 8));
    };
    const auto close_inside_line = [](stream client) -> task<> {
        co_await client.read_message();
        co_await client.write("HALF A LINE\r");
    };
    const auto close_at_once = [](stream client) -> task<> { co_await client.read_message(); };
    const auto code_of = [](const auto& asking) {
        try {
            asking();
        } catch (const error& why) {
            std::printf("    %s. %s\n", why.what(), why.advice().c_str());
            return why.code();
        }
        return std::error_code();
    };
    client_options with_length;
    with_length.stream.framing = framing::length;
    client_options by_line;
    by_line.stream.framing = framing::line;
    EXPECT_EQ(code_of([&] { ask_of(reset, "question"); }), errc::cut_short);
    EXPECT_EQ(code_of([&] { ask_of(close_inside_frame, "question", with_length); }), errc::cut_short);
    EXPECT_EQ(code_of([&] { ask_of(close_at_once, "question", with_length); }), errc::cut_short);
    EXPECT_EQ(code_of([&] { ask_of(close_at_once, "question", by_line); }), errc::cut_short);
    EXPECT_EQ(code_of([&] { ask_of(close_inside_line, "question", by_line); }), errc::cut_short);
}

TEST_P(Ask, WaitsNoLongerThanTheReplyDeadline) {
    const auto keep_silent = [](stream client) -> task<> {
        while (co_await client.read_some()) {
        }
        co_await sleep(forever);
    };
    try {
        ask_of(keep_silent, "question", {.reply_deadline = 30ms});
        FAIL();
    } catch (const error& why) {
        EXPECT_EQ(why.code(), std::errc::timed_out);
    }
}

TEST_P(Ask, AsksManyAtOnceInOneLoop) {
    const auto serve = [](listener& door, int clients) -> task<> {
        const auto converse = [](stream client) -> task<> {
            const auto question = co_await client.read_message();
            const std::string answer = "re: " + std::string(*question);
            task<> writing = client.write_message(answer);
            co_await writing;
        };
        task_group conversations;
        for (int i = 0; i < clients; ++i) {
            stream client = co_await door.accept();
            conversations.spawn(converse(std::move(client)));
        }
        task<> joining = conversations.join();
        co_await joining;
    };
    const auto ask_one = [](endpoint where, int number) -> task<> {
        client_options options;
        options.stream.framing = framing::line;
        const std::string question = std::to_string(number);
        if (number % 2 == 0) {  // a temporary that GCC 12 would destroy twice, were it an aggregate
            const std::string answer =
                co_await async_ask(host_port{where.address(), where.port()}, question, options);
            EXPECT_EQ(answer, "re: " + question);
        } else {
            const std::string answer = co_await async_ask(where.to_string(), question, options);
            EXPECT_EQ(answer, "re: " + question);
        }
    };
    const auto story = [](auto& serve_all, auto& one) -> task<> {
        constexpr int clients = 200;
        stream_options by_line;
        by_line.framing = framing::line;
        listener door(endpoint::parse("127.0.0.1:0"), {}, by_line);
        task_group everybody;
        everybody.spawn(serve_all(door, clients));
        for (int i = 0; i < clients; ++i)
            everybody.spawn(one(door.local(), i));
        task<> joining = everybody.join();
        co_await joining;
    };
    play(story(serve, ask_one));
}

}  // namespace
}  // namespace aperto
