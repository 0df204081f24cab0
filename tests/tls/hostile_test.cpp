// SPDX-License-Identifier: MIT
// What comes from who does not mean well, or whose network cuts everything to pieces.
#include "aperto/server.hpp"
#include "tls/both_sides.hpp"
#include "tls/raw_client.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace aperto::tls {
namespace {

using namespace std::chrono_literals;

/// How conversations ended, as they do.
class endings : public server_events {
public:
    void closed(const connection_view&, const closing& how) override {
        const std::lock_guard lock(mutex_);
        ends_.push_back(how);
        more_.notify_all();
    }
    closing next() {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(more_.wait_for(lock, 10s, [&] { return !ends_.empty(); }));
        if (ends_.empty()) return {};
        const closing how = ends_.front();
        ends_.pop_front();
        return how;
    }

private:
    std::mutex mutex_;
    std::condition_variable more_;
    std::deque<closing> ends_;
};

class hostile : public testing::TestWithParam<engine> {
protected:
    hostile() : one(options(20s), echo) {
        one.start();
        where = one.endpoints().front();
    }
    static std::string echo(std::string_view text) { return std::string(text); }
    aperto::options options(duration handshake_deadline) {
        return {.host = "127.0.0.1",
                .port = 0,
                .workers = 1,
                .engine = GetParam(),
                .framing = framing::line,
                .handshake_deadline = handshake_deadline,
                .transport = sides.server,
                .events = &ends};
    }
    both_sides sides;
    endings ends;
    aperto::server one;
    endpoint where;
};

INSTANTIATE_TEST_SUITE_P(each, hostile, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(hostile, pieces_of_a_byte_are_put_together) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        raw_client client(where, version, 1);
        ASSERT_TRUE(client.handshake());
        ASSERT_TRUE(client.write("one\ntwo\n"));
        EXPECT_EQ(client.read(), "one\ntwo\n");
        SSL_shutdown(client.ssl());
        client.send_out();
        EXPECT_EQ(client.read(), "");
        EXPECT_TRUE(client.was_told_the_end());
        EXPECT_EQ(ends.next().reason, close_reason::client);
    }
}

TEST_P(hostile, an_end_that_nobody_announced_is_cut_short) {
    raw_client client(where);
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("whole\nin the middle of"));
    EXPECT_EQ(client.read(), "whole\n");
    client.cut();
    const closing how = ends.next();
    EXPECT_EQ(how.reason, close_reason::cut_short);
    raw_client between(where);
    ASSERT_TRUE(between.handshake());
    ASSERT_TRUE(between.write("whole\n"));
    EXPECT_EQ(between.read(), "whole\n");
    between.cut();
    EXPECT_EQ(ends.next().reason, close_reason::cut_short);
}

TEST_P(hostile, who_comes_and_goes_without_a_byte_has_done_no_wrong) {
    raw_client client(where);
    client.cut();
    EXPECT_EQ(client.end(), 0);
    EXPECT_EQ(ends.next().reason, close_reason::client);
}

TEST_P(hostile, what_is_no_tls_is_told_and_ended_in_order) {
    const std::string hello = [&] {
        raw_client client(where);
        SSL_do_handshake(client.ssl());
        return client.take_out();
    }();
    ends.next();
    std::string damaged = hello;
    damaged[20] = static_cast<char>(damaged[20] ^ 0x55);
    damaged.insert(60, 4, '\0');
    const std::string oversized("\x16\x03\x01\xff\xff" + std::string(70'000, 'x'));
    for (const std::string& each : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("hello\n"),
                                    std::string(5000, '\0'), oversized, damaged}) {
        raw_client client(where);
        client.send(each);
        client.cut();
        client.end();
        const closing how = ends.next();
        EXPECT_EQ(how.reason, close_reason::malformed) << each.substr(0, 10) << ' ' << how.error.message();
        EXPECT_EQ(how.error.category(), tls_category());
    }
    EXPECT_EQ(sides.server->counters().failed, 5U);
}

TEST_P(hostile, a_record_that_was_changed_on_the_way_ends_it) {
    raw_client client(where);
    ASSERT_TRUE(client.handshake());
    SSL_write(client.ssl(), "hello\n", 6);
    std::string record = client.take_out();
    record.back() = static_cast<char>(record.back() ^ 1);
    client.send(record);
    EXPECT_EQ(client.read(), "");
    EXPECT_EQ(ends.next().error, errc::broken);
}

TEST_P(hostile, a_hello_by_the_byte_is_held_to_the_deadline) {
    aperto::server hasty(options(500ms), echo);
    hasty.start();
    raw_client client(hasty.endpoints().front());
    SSL_do_handshake(client.ssl());
    const std::string hello = client.take_out();
    for (std::size_t i = 0; i + 1 < hello.size() && client.send(hello.substr(i, 1)); ++i)
        std::this_thread::sleep_for(20ms);
    const closing how = ends.next();
    EXPECT_EQ(how.reason, close_reason::deadline);
    EXPECT_LT(how.lifetime, 4s) << "the deadline, and that of an orderly close";
    EXPECT_EQ(hasty.counters().of(limit::handshake_deadline), 1U);
}

TEST_P(hostile, new_keys_are_not_made_without_end) {
    raw_client client(where);
    ASSERT_TRUE(client.handshake());
    for (int i = 0; i < 20; ++i)
        SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), SSL_do_handshake(client.ssl());
    ASSERT_TRUE(client.write("twenty are well\n"));
    EXPECT_EQ(client.read(), "twenty are well\n");
    for (int i = 0; i < 2000; ++i)
        SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), SSL_do_handshake(client.ssl());
    client.write("many are not\n");
    EXPECT_EQ(client.read(), "");
    EXPECT_EQ(ends.next().error, errc::flood);
}

TEST_P(hostile, a_record_by_the_byte_is_held_to_the_deadline_of_a_message) {
    aperto::options chosen = options(20s);
    chosen.idle_timeout = 1s;
    chosen.message_deadline = 500ms;
    aperto::server hasty(std::move(chosen), echo);
    hasty.start();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        raw_client client(hasty.endpoints().front(), version);
        ASSERT_TRUE(client.handshake());
        ASSERT_TRUE(client.write("one\n"));
        EXPECT_EQ(client.read(), "one\n");
        const std::string text(1000, 'x');
        SSL_write(client.ssl(), text.data(), static_cast<int>(text.size()));
        const std::string record = client.take_out();
        for (std::size_t i = 0; i < 300 && client.send(record.substr(i, 1)); ++i)
            std::this_thread::sleep_for(10ms);
        client.cut();
        const closing how = ends.next();
        EXPECT_EQ(how.reason, close_reason::deadline);
        EXPECT_LT(how.lifetime, 4s) << "the deadline, and that of an orderly close";
    }
    EXPECT_EQ(hasty.counters().of(limit::message_deadline), 2U);
}

TEST_P(hostile, a_message_in_records_by_the_byte_has_one_deadline) {
    aperto::options chosen = options(20s);
    chosen.message_deadline = 1s;
    aperto::server hasty(std::move(chosen), echo);
    hasty.start();
    raw_client client(hasty.endpoints().front());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("one\n"));
    EXPECT_EQ(client.read(), "one\n");
    const time_point began = clock::now();
    bool taken = true;
    for (int records = 0; taken && records < 10; ++records) {
        SSL_write(client.ssl(), "xx", 2);
        for (const char each : client.take_out()) {
            if (!taken) break;
            taken = client.send({&each, 1});
            std::this_thread::sleep_for(80ms);
        }
    }
    EXPECT_FALSE(taken);
    client.cut();
    EXPECT_EQ(ends.next().reason, close_reason::deadline);
    EXPECT_LT(clock::now() - began, 3500ms) << "the deadline, and that of an orderly close";
}

TEST_P(hostile, a_drain_waits_for_the_rest_of_a_record) {
    aperto::options chosen = options(20s);
    chosen.drain_grace = chosen.drain_spread = 0s;
    aperto::server draining(std::move(chosen), echo);
    draining.start();
    raw_client client(draining.endpoints().front());
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("one\n"));
    EXPECT_EQ(client.read(), "one\n");
    SSL_write(client.ssl(), "two\n", 4);
    const std::string record = client.take_out();
    client.send(record.substr(0, 6));
    std::this_thread::sleep_for(100ms);
    draining.stop();
    std::this_thread::sleep_for(300ms);
    client.send(record.substr(6));
    EXPECT_EQ(client.read(), "two\n");
    EXPECT_EQ(client.read(), "");
    EXPECT_TRUE(client.was_told_the_end());
}

TEST_P(hostile, renegotiation_is_refused) {
    raw_client client(where, TLS1_2_VERSION);
    ASSERT_TRUE(client.handshake());
    ASSERT_TRUE(client.write("before\n"));
    EXPECT_EQ(client.read(), "before\n");
    ASSERT_EQ(SSL_renegotiate(client.ssl()), 1);
    EXPECT_FALSE(client.handshake());
}

TEST_P(hostile, many_handshakes_at_once_all_come_to_an_end) {
    constexpr std::size_t many = 60;
    std::deque<raw_client> clients;
    for (std::size_t i = 0; i < many; ++i) {
        clients.emplace_back(where);
        SSL_do_handshake(clients.back().ssl());
    }
    for (raw_client& each : clients)
        each.send_out();
    for (raw_client& each : clients) {
        ASSERT_TRUE(each.handshake());
        ASSERT_TRUE(each.write("here\n"));
        EXPECT_EQ(each.read(), "here\n");
    }
}

}  // namespace
}  // namespace aperto::tls
