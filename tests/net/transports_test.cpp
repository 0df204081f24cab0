// SPDX-License-Identifier: MIT
// What a stream promises, over each way that bytes can go: TCP of both families, Unix sockets by both kinds of
// name, a pair in memory; and TLS, of both versions on TCP and begun in the middle on a pair.
#include "aperto/choice.hpp"
#include "aperto/group.hpp"
#include "aperto/listener.hpp"
#include "aperto/result.hpp"
#include "aperto/stream.hpp"
#include "net/duet.hpp"
#include "tls/both_sides.hpp"

#include <unistd.h>

#include <string>
#include <tuple>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

enum class way : std::uint8_t { ipv4, ipv6, unix_path, unix_name, pair, tls_1_3, tls_1_2, tls_on_pair };

std::string name_of(way by) {
    switch (by) {
    case way::ipv4:
        return "ipv4";
    case way::ipv6:
        return "ipv6";
    case way::unix_path:
        return "unix_path";
    case way::unix_name:
        return "unix_name";
    case way::pair:
        return "pair";
    case way::tls_1_3:
        return "tls_1_3";
    case way::tls_1_2:
        return "tls_1_2";
    case way::tls_on_pair:
        return "tls_on_pair";
    }
    return "";
}

std::string where(way by) {
    static int number = 0;
    const std::string own = "aperto-" + std::to_string(::getpid()) + '-' + std::to_string(++number);
    switch (by) {
    case way::ipv4:
        return "127.0.0.1:0";
    case way::ipv6:
        return "[::1]:0";
    case way::unix_path:
        return "unix:" + testing::TempDir() + own;
    default:
        return "unix:@" + own;
    }
}

class transports : public testing::TestWithParam<std::tuple<engine, way>> {
protected:
    void SetUp() override { on = loop::create({.which = std::get<engine>(GetParam())}); }

    task<streams> meet_by(stream_options options = {}) {
        const way by = std::get<way>(GetParam());
        if (by == way::pair || by == way::tls_on_pair) {
            auto [left, right] = stream::pair(options);
            streams both{std::move(left), std::move(right)};
            if (by == way::tls_on_pair) {
                tls::both_sides sides;
                task_group hands;
                hands.spawn(both.left.start_tls(sides.client, "localhost"));
                hands.spawn(both.right.start_tls(sides.server));
                task<> shaken = hands.join();
                co_await shaken;
            }
            co_return both;
        }
        if (by == way::tls_1_3 || by == way::tls_1_2) {
            task<streams> meeting = meet_by_tls(options);
            co_return co_await meeting;
        }
        listener door(endpoint::parse(where(by)), {}, options);
        connecting knock(door.local(), std::make_shared<const stream_options>(options));
        stream left = co_await knock;
        stream right = co_await door.accept();
        co_return streams{std::move(left), std::move(right)};
    }

    task<streams> meet_by_tls(stream_options options) {
        const tls::both_sides sides(std::get<way>(GetParam()) == way::tls_1_2);
        stream_options of_client = options;
        options.transport = sides.server;
        of_client.transport = sides.client;
        listener door(endpoint::parse("127.0.0.1:0"), {}, options);
        connecting knock(door.local(), std::make_shared<const stream_options>(of_client));
        stream left = co_await knock;
        stream right = co_await door.accept();
        streams both{std::move(left), std::move(right)};
        task_group hands;
        hands.spawn(both.left.handshake());
        hands.spawn(both.right.handshake());
        task<> shaken = hands.join();
        co_await shaken;
        co_return both;
    }

    std::unique_ptr<loop> on;
};

INSTANTIATE_TEST_SUITE_P(each, transports,
                         testing::Combine(testing::Values(engine::uring, engine::epoll),
                                          testing::Values(way::ipv4, way::ipv6, way::unix_path,
                                                          way::unix_name, way::pair, way::tls_1_3,
                                                          way::tls_1_2, way::tls_on_pair)),
                         [](const auto& each) {
                             return std::string(to_string(std::get<engine>(each.param))) + '_' +
                                    name_of(std::get<way>(each.param));
                         });

TEST_P(transports, bytes_come_in_order_and_the_end_after_them) {
    const auto story = [&]() -> task<> {
        task<streams> meeting = meet_by();
        streams both = co_await meeting;
        co_await both.left.write("one\ntw");
        co_await both.left.write("o\nthree");
        co_await both.left.shutdown_write();
        for (const std::string_view expected : {"one", "two", "three"}) {
            const auto line = co_await both.right.read_line();
            EXPECT_EQ(line, expected);
        }
        const auto end = co_await both.right.read_line();
        EXPECT_FALSE(end);
        co_await both.right.write("still\n");  // the other way is open
        const auto still = co_await both.left.read_line();
        EXPECT_EQ(still, "still");
        task<> left = both.left.close();
        task<> right = both.right.close();
        task_group ends;
        ends.spawn(std::move(left));
        ends.spawn(std::move(right));
        task<> joining = ends.join();
        co_await joining;
        EXPECT_EQ(both.right.bytes_received(), 13U);
        EXPECT_EQ(both.left.bytes_sent(), 13U);
    };
    on->run(story());
}

task<> write_all(stream& to, const std::string& all) {
    co_await to.write(all);
    co_await to.shutdown_write();
}

task<> read_all(stream& from, std::string& got) {
    while (const auto some = co_await from.read_some())
        got.append(*some);
}

TEST_P(transports, much_goes_both_ways_at_once) {
    const auto story = [&]() -> task<> {
        task<streams> meeting = meet_by({.high_water = 10'000});
        streams both = co_await meeting;
        std::string all(3'000'000, ' ');
        for (std::size_t i = 0; i < all.size(); ++i)
            all[i] = static_cast<char>('a' + i % 23);
        std::string at_left;
        std::string at_right;
        task_group group;
        group.spawn(write_all(both.left, all));
        group.spawn(write_all(both.right, all));
        group.spawn(read_all(both.left, at_left));
        group.spawn(read_all(both.right, at_right));
        task<> joining = group.join();
        co_await joining;
        EXPECT_TRUE(at_left == all && at_right == all);
    };
    on->run(story());
}

TEST_P(transports, limits_and_deadlines_hold) {
    const auto story = [&]() -> task<> {
        task<streams> meeting = meet_by({.max_message = 4, .idle_timeout = 30ms});
        streams both = co_await meeting;
        co_await both.left.write("too long\n");
        task<std::error_code> large = failure_of(read_line(both.right));
        EXPECT_EQ(co_await large, errc::message_too_large);
        task<std::error_code> idle = failure_of(read_line(both.left));
        EXPECT_EQ(co_await idle, errc::deadline);
        task<streams> again = meet_by({.write_deadline = 50ms});
        streams stuck = co_await again;
        const std::string much(20'000'000, 'x');
        task<std::error_code> late = failure_of(write(stuck.left, much));
        EXPECT_EQ(co_await late, errc::deadline);
    };
    on->run(story());
}

TEST_P(transports, an_end_in_the_middle_is_told) {
    const auto story = [&]() -> task<> {
        task<streams> meeting = meet_by();
        streams both = co_await meeting;
        co_await both.left.write("12");
        co_await both.left.shutdown_write();
        task<std::error_code> cut = failure_of(read_exactly(both.right, 3));
        EXPECT_EQ(co_await cut, errc::cut_short);
        both.right.abort();
        task<std::error_code> gone = failure_of(write(both.right, "x"));
        EXPECT_EQ(co_await gone, errc::closed);
    };
    on->run(story());
}

TEST_P(transports, a_cancelled_wait_takes_nothing) {
    const auto story = [&]() -> task<> {
        task<streams> meeting = meet_by();
        streams both = co_await meeting;
        const auto late = co_await as_result(with_timeout(5ms, both.right.read_exactly(3)));
        EXPECT_FALSE(late);
        co_await both.left.write("abc");
        const auto three = co_await both.right.read_exactly(3);
        EXPECT_EQ(three, "abc");
    };
    on->run(story());
}

}  // namespace
}  // namespace aperto
