// SPDX-License-Identifier: MIT
// What a stream promises, over each way that bytes can go: TCP of both families, Unix sockets by both kinds of
// name, and a pair in memory.
#include "aperto/choice.hpp"
#include "aperto/group.hpp"
#include "aperto/listener.hpp"
#include "aperto/result.hpp"
#include "aperto/stream.hpp"
#include "net/duet.hpp"

#include <unistd.h>

#include <string>
#include <tuple>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

enum class transport : std::uint8_t { ipv4, ipv6, unix_path, unix_name, pair };

std::string name_of(transport way) {
    switch (way) {
    case transport::ipv4:
        return "ipv4";
    case transport::ipv6:
        return "ipv6";
    case transport::unix_path:
        return "unix_path";
    case transport::unix_name:
        return "unix_name";
    case transport::pair:
        return "pair";
    }
    return "";
}

std::string where(transport way) {
    static int number = 0;
    const std::string own = "aperto-" + std::to_string(::getpid()) + '-' + std::to_string(++number);
    switch (way) {
    case transport::ipv4:
        return "127.0.0.1:0";
    case transport::ipv6:
        return "[::1]:0";
    case transport::unix_path:
        return "unix:" + testing::TempDir() + own;
    default:
        return "unix:@" + own;
    }
}

class transports : public testing::TestWithParam<std::tuple<engine, transport>> {
protected:
    void SetUp() override { on = loop::create({.which = std::get<engine>(GetParam())}); }

    task<streams> meet_by(stream_options options = {}) {
        const transport way = std::get<transport>(GetParam());
        if (way == transport::pair) {
            auto [left, right] = stream::pair(options);
            co_return streams{std::move(left), std::move(right)};
        }
        listener door(endpoint::parse(where(way)), {}, options);
        connecting knock(door.local(), std::make_shared<const stream_options>(options));
        stream left = co_await knock;
        stream right = co_await door.accept();
        co_return streams{std::move(left), std::move(right)};
    }

    std::unique_ptr<loop> on;
};

INSTANTIATE_TEST_SUITE_P(each, transports,
                         testing::Combine(testing::Values(engine::uring, engine::epoll),
                                          testing::Values(transport::ipv4, transport::ipv6,
                                                          transport::unix_path, transport::unix_name,
                                                          transport::pair)),
                         [](const auto& each) {
                             return std::string(to_string(std::get<engine>(each.param))) + '_' +
                                    name_of(std::get<transport>(each.param));
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
