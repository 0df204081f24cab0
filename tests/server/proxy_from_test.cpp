// SPDX-License-Identifier: MIT
// Clients behind a proxy that speaks the PROXY protocol. The parsing is tested in tests/net.
#include "aperto/server.hpp"
#include "server/client.hpp"
#include "server/recorder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const std::string told = "PROXY TCP4 192.0.2.7 198.51.100.1 4000 443\r\n";
const std::string by_itself("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);

/// "192.0.2.7:4000 hello".
void say_who(std::string_view message, exchange& with) {
    with.reply(with.remote().to_string());
    with.reply(" ");
    with.reply(message);
}

class proxied : public testing::TestWithParam<engine> {
protected:
    proxied() {
        chosen.engine = GetParam();
        chosen.events = &seen;
        chosen.proxy_from = {cidr::parse("127.0.0.0/8")};
    }
    std::string ask(const handler& what, const std::string& bytes) {
        server serving(chosen, what);
        serving.start();
        plain_client client(serving.endpoints().front());
        std::string reply = client.send(bytes).half_close().receive_all();
        reset = client.was_reset();
        return reply;
    }
    recorder seen;
    bool reset = false;
    options chosen{.host = "127.0.0.1", .port = 0, .workers = 1, .framing = framing::line};
};

INSTANTIATE_TEST_SUITE_P(engines, proxied, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(proxied, a_client_is_known_by_the_address_that_is_told_and_what_came_with_it_is_kept) {
    EXPECT_EQ(ask(say_who, told + "hello\nworld\n"), "192.0.2.7:4000 hello\n192.0.2.7:4000 world\n");
    EXPECT_THAT(seen.wait_for_messages(2), ElementsAre("0:hello", "6:world"));
    const recorder::end end = seen.wait_for_ends(1).front();
    EXPECT_EQ(end.bytes_in, 12U) << "the header is the proxy's";
}

TEST_P(proxied, so_is_that_of_a_handler_that_owns_its_conversation) {
    const auto session = [](stream peer) -> task<> {
        const std::string from = peer.proxied()->source.to_string() + peer.proxied()->proxy.address();
        while (auto line = co_await peer.read_line())
            co_await peer.write(from + " " + peer.remote().to_string() + " " + std::string(*line) + "\n");
    };
    EXPECT_EQ(ask(session, told + "hello\n"), "192.0.2.7:4000127.0.0.1 192.0.2.7:4000 hello\n");
}

TEST_P(proxied, a_header_may_come_byte_by_byte) {
    server serving(chosen, say_who);
    serving.start();
    plain_client client(serving.endpoints().front());
    for (const char each : told.substr(0, told.size() - 1)) {
        client.send(std::string(1, each));
        std::this_thread::sleep_for(1ms);
    }
    client.send("\nhello\n").half_close();
    EXPECT_EQ(client.receive_all(), "192.0.2.7:4000 hello\n");
}

TEST_P(proxied, a_header_may_come_alone_and_the_message_later) {
    server serving(chosen, say_who);
    serving.start();
    plain_client client(serving.endpoints().front());
    client.send(told);
    seen.wait_for_accepted(1);
    EXPECT_EQ(client.send("hello\n").receive(21), "192.0.2.7:4000 hello\n");
}

TEST_P(proxied, a_proxy_that_speaks_for_itself_is_served_as_itself) {
    const std::string reply = ask(say_who, by_itself + "hello\n");
    EXPECT_THAT(reply, testing::MatchesRegex("127\\.0\\.0\\.1:[0-9]+ hello\n"));
}

TEST_P(proxied, without_a_header_a_connection_is_refused_in_order) {
    for (const char* const words : {"hello\n", "PROXY TCP4 nonsense\r\nhello\n"}) {
        EXPECT_EQ(ask(say_who, words), "");
        EXPECT_FALSE(reset);
    }
    EXPECT_THAT(seen.limits(), ElementsAre("proxy-from", "proxy-from"));
}

TEST_P(proxied, a_header_that_does_not_come_is_waited_for_as_long_as_a_first_byte) {
    chosen.handshake_deadline = 100ms;
    for (const std::string& part : {std::string(), told.substr(0, 20)}) {
        server serving(chosen, say_who);
        serving.start();
        plain_client client(serving.endpoints().front());
        const time_point began = clock::now();
        EXPECT_EQ(client.send(part).receive_all(), "");
        EXPECT_GE(clock::now() - began, 90ms);
        EXPECT_EQ(serving.counters().of(limit::handshake_deadline), 1U);
        EXPECT_EQ(serving.counters().accepted, 0U);
    }
}

TEST_P(proxied, who_goes_without_a_word_is_no_event) {
    EXPECT_EQ(ask(say_who, ""), "");
    EXPECT_THAT(seen.limits(), ElementsAre());
}

TEST_P(proxied, the_limits_of_addresses_are_those_of_the_told_one) {
    chosen.max_connections_per_address = 1;
    chosen.deny = {cidr::parse("203.0.113.0/24")};
    server serving(chosen, say_who);
    serving.start();
    plain_client first(serving.endpoints().front());
    EXPECT_EQ(first.send(told + "a\n").receive(17), "192.0.2.7:4000 a\n");
    plain_client second(serving.endpoints().front());
    EXPECT_EQ(second.send(told + "b\n").receive_all(), "");
    plain_client other(serving.endpoints().front());
    EXPECT_EQ(other.send("PROXY TCP4 192.0.2.8 198.51.100.1 4000 443\r\nc\n").receive(17),
              "192.0.2.8:4000 c\n");
    plain_client denied(serving.endpoints().front());
    EXPECT_EQ(denied.send("PROXY TCP4 203.0.113.9 198.51.100.1 4000 443\r\nd\n").receive_all(), "");
    EXPECT_THAT(seen.limits(), ElementsAre("max-connections-per-address", "deny"));
}

TEST_P(proxied, a_proxy_without_a_header_yet_takes_a_place) {
    chosen.max_connections = 1;
    server serving(chosen, say_who);
    serving.start();
    plain_client silent(serving.endpoints().front());
    while (serving.connections() == 0)
        std::this_thread::sleep_for(1ms);
    plain_client waiting(serving.endpoints().front());
    waiting.send(told + "a\n");
    seen.wait_for_limit("max-connections");
    silent.close();
    EXPECT_EQ(waiting.receive(17), "192.0.2.7:4000 a\n");
}

TEST_P(proxied, who_is_not_trusted_is_no_proxy) {
    chosen.proxy_from = {cidr::parse("192.0.2.0/24")};
    EXPECT_THAT(ask(say_who, told), testing::MatchesRegex("127\\.0\\.0\\.1:[0-9]+ PROXY TCP4 [^\n]*\n"));
}

TEST_P(proxied, a_server_that_stops_does_not_wait_for_headers_past_its_deadline) {
    chosen.drain_deadline = 100ms;
    server serving(chosen, say_who);
    serving.start();
    plain_client silent(serving.endpoints().front());
    while (serving.connections() == 0)
        std::this_thread::sleep_for(1ms);
    const time_point began = clock::now();
    serving.stop();
    serving.wait();
    EXPECT_LT(clock::now() - began, 3s);
    EXPECT_EQ(serving.connections(), 0U);
}

/// What has come just when the drain is over is no reason to wait for more of it.
TEST_P(proxied, a_server_that_stops_ends_headers_that_drip_in) {
    chosen.drain_deadline = 100ms;
    chosen.handshake_deadline = 20s;
    server serving(chosen, say_who);
    serving.start();
    constexpr std::size_t many = 40;
    const std::string begun("\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", 16);  // as much follows as can
    std::vector<std::unique_ptr<plain_client>> dripping;
    for (std::size_t i = 0; i < many; ++i) {
        dripping.push_back(std::make_unique<plain_client>(serving.endpoints().front()));
        dripping.back()->send(begun);
    }
    while (serving.connections() < many)
        std::this_thread::sleep_for(1ms);
    std::atomic<bool> over = false;
    std::thread drip([&] {
        while (!over)
            for (const auto& each : dripping)
                each->send("x");
    });
    const time_point began = clock::now();
    serving.stop();
    serving.wait();
    EXPECT_LT(clock::now() - began, 5s);
    over = true;
    drip.join();
}

}  // namespace
}  // namespace aperto
