// SPDX-License-Identifier: MIT
#include "cli/watch/admin_json.hpp"
#include "cli/watch/blame.hpp"
#include "cli/watch/columns.hpp"
#include "cli/watch/screen.hpp"
#include "cli/watch/views.hpp"
#include "core/display.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <random>
#include <string>
#include <vector>

namespace aperto::cli {
namespace {

using std::chrono::microseconds;
using namespace std::chrono_literals;

connection_sample busy_sample(std::uint64_t sent, microseconds busy, microseconds window,
                              microseconds buffer) {
    connection_sample one;
    one.key = 1;
    one.peer = "203.0.113.7:51324";
    one.bytes_sent = sent;
    one.bytes_out = sent;
    one.busy = busy;
    one.window_full = window;
    one.buffer_full = buffer;
    return one;
}

history looked_at(const connection_sample& before, const connection_sample& after) {
    history past;
    past.add(between(before, after, 1000));
    return past;
}

TEST(watch_blame, the_largest_part_of_the_time_is_to_blame) {
    const auto nothing = busy_sample(0, 0us, 0us, 0us);
    const auto whose = [&](microseconds busy, microseconds window, microseconds buffer) {
        return blame_of(looked_at(nothing, busy_sample(5000, busy, window, buffer)).last_minute(), true)
            .whose;
    };
    EXPECT_EQ(whose(900'000us, 100'000us, 0us), culprit::network);
    EXPECT_EQ(whose(900'000us, 700'000us, 0us), culprit::client_window);
    EXPECT_EQ(whose(900'000us, 100'000us, 600'000us), culprit::send_buffer);
    EXPECT_EQ(whose(10'000us, 0us, 0us), culprit::application);
    EXPECT_EQ(blame_of(looked_at(nothing, nothing).last_minute(), true).whose, culprit::quiet);
    EXPECT_EQ(blame_of(history().last_minute(), true).whose, culprit::unknown);
    EXPECT_EQ(blame_of(looked_at(nothing, nothing).last_minute(), false).whose, culprit::unknown)
        << "a kernel that does not tell";
}

TEST(watch_blame, who_does_not_read_is_seen_where_bytes_wait_at_both_ends_of_a_moment) {
    connection_sample before;
    connection_sample after;
    before.unread = 5;
    after.unread = 0;
    EXPECT_EQ(blame_of(looked_at(before, after).last_minute(), true).whose, culprit::quiet);
    after.unread = 9;
    EXPECT_EQ(blame_of(looked_at(before, after).last_minute(), true).whose, culprit::reader);
}

TEST(watch_blame, the_sums_are_those_of_the_last_minute) {
    std::mt19937 random(7);
    history past;
    std::vector<moment> all;
    for (int i = 0; i < 500; ++i) {
        moment one;
        one.span_ms = 200 + static_cast<std::uint32_t>(random() % 3000);
        one.bytes_sent = static_cast<std::uint32_t>(random() % 1000);
        one.unread = static_cast<std::uint32_t>(random() % 2);
        past.add(one);
        all.push_back(one);
        history::sums expected;
        for (std::size_t k = 0; k < std::min<std::size_t>(all.size(), history::size_max); ++k) {
            const moment& each = all[all.size() - 1 - k];
            if (k != 0 && expected.span_ms + each.span_ms > 60'000) break;
            expected.span_ms += each.span_ms;
            expected.bytes_sent += each.bytes_sent;
            if (each.unread) expected.unread_ms += each.span_ms;
        }
        ASSERT_EQ(past.last_minute().span_ms, expected.span_ms) << i;
        ASSERT_EQ(past.last_minute().bytes_sent, expected.bytes_sent) << i;
        ASSERT_EQ(past.last_minute().unread_ms, expected.unread_ms) << i;
        ASSERT_EQ(past[past.size() - 1].bytes_sent, one.bytes_sent);
    }
}

TEST(watch_keys, keys_are_read_whatever_pieces_they_come_in) {
    const std::string typed = "q\033[A\033[6~\033OBx\033[1;5C\r\177";
    const std::vector<key> expected{key::text, key::up,    key::page_down, key::down,
                                    key::text, key::enter, key::erase};
    for (std::size_t size = 1; size <= typed.size(); ++size) {
        key_reader reader;
        std::vector<key> got;
        for (std::size_t at = 0; at < typed.size(); at += size)
            for (const key_press& each : reader.take(typed.substr(at, size)))
                got.push_back(each.what);
        EXPECT_EQ(got, expected) << size;
        EXPECT_FALSE(reader.is_waiting());
    }
    key_reader reader;
    EXPECT_TRUE(reader.take("\033").empty());
    EXPECT_TRUE(reader.is_waiting());
    ASSERT_EQ(reader.give_up().size(), 1U);
    EXPECT_FALSE(reader.is_waiting());
    reader.take("\033[" + std::string(100, '1'));
    EXPECT_FALSE(reader.is_waiting()) << "no keyboard sends that";
}

constexpr const char* connections = R"({"connections": [
{"connection":7,"worker":1,"peer":"[2001:db8::1]:5","local":"127.0.0.1:7","state":"sending","age_ms":12,"bytes_in":1,
 "tls":{"protocol":"TLSv1.3","certificate":"a \"} { \\"},"tcp":{"rtt_us":38000,"rto_us":239000,"snd_cwnd":10,"unacked":2,
 "bytes_sent":9000,"bytes_acked":4000,"bytes_retrans":1000,"busy_time_us":5,"new_field":[1,{"a":"]"}]}},
{"connection":8,"peer":"\u001b[2J\u202e","state":"idle","tcp":{}}
],
"workers_passed_over": [3]}
)";

TEST(watch_admin, what_the_server_tells_is_read_and_what_it_does_not_is_unknown) {
    std::size_t passed_over = 0;
    const auto read = read_connections(connections, passed_over);
    ASSERT_TRUE(read);
    ASSERT_EQ(read->size(), 2U);
    EXPECT_EQ(passed_over, 1U);
    const connection_sample& one = (*read)[0];
    EXPECT_EQ(one.key, 7U);
    EXPECT_EQ(one.peer, "[2001:db8::1]:5");
    EXPECT_EQ(one.rtt, microseconds(38'000));
    EXPECT_EQ(one.congestion_window, 10U);
    EXPECT_EQ(one.in_flight, 4000U);
    EXPECT_FALSE(one.window_full);
    EXPECT_EQ((*read)[1].peer, "\\x1B[2J\\u{202E}") << "nothing that a terminal obeys";
    EXPECT_FALSE((*read)[1].rtt);
}

TEST(watch_admin, an_answer_that_is_cut_short_or_changed_is_none_and_harms_nobody) {
    const std::string whole = connections;
    std::size_t passed_over = 0;
    for (std::size_t size = 0; size + 2 < whole.size(); ++size)
        EXPECT_FALSE(read_connections(whole.substr(0, size), passed_over)) << size;
    std::mt19937 random(11);
    int judged = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string changed = whole;
        for (int k = 0; k < 3; ++k)
            changed[random() % changed.size()] = static_cast<char>(random() % 256);
        const auto read = read_connections(changed, passed_over);
        // Whatever nlohmann-json takes for JSON with both connections in it is read here too.
        const auto judge = nlohmann::json::parse(changed, nullptr, false);
        const auto is_named = [&judge](std::size_t which) {
            const auto& one = judge["connections"][which];
            return one.is_object() && one.contains("connection") && one["connection"].is_number_unsigned() &&
                   one["connection"] != 0;
        };
        if (judge.is_object() && judge.contains("connections") && judge["connections"].is_array() &&
            judge["connections"].size() == 2 && is_named(0) && is_named(1)) {
            ++judged;
            EXPECT_TRUE(read) << changed;
        }
    }
    EXPECT_GT(judged, 100);
}

TEST(watch_admin, of_the_metrics_the_known_ones_are_read) {
    const server_figures told = read_metrics(
        "# HELP x y\naperto_build_info{version=\"0.2\"} 1\naperto_messages_total 12\n"
        "aperto_message_latency_seconds_bucket{le=\"0.00250\"} "
        "3\naperto_message_latency_seconds_bucket{le=\"+Inf\"} 4\n");
    EXPECT_EQ(told.version, "0.2");
    EXPECT_EQ(told.messages, 12);
    ASSERT_EQ(told.answers.size(), 2U);
    EXPECT_EQ(told.answers[0], std::pair(0.0025, 3.0));
    EXPECT_GT(told.answers[1].first, 1e300);
}

TEST(watch_table, columns_fit_at_each_width_and_the_sorted_one_is_among_them) {
    for (std::size_t wide = 40; wide < 240; ++wide)
        for (std::size_t sorted = 0; sorted < columns().size(); ++sorted) {
            std::size_t used = 0;
            bool there = false;
            for (const placed_column& each : place_columns(wide, sorted, 21)) {
                used += each.width + (used == 0 ? 0 : 1);
                there = there || each.what == &columns()[sorted];
            }
            ASSERT_EQ(used, wide);
            ASSERT_TRUE(there) << wide << columns()[sorted].name;
        }
}

TEST(watch_table, rows_are_as_wide_as_the_screen_and_sorted_and_filtered) {
    watched_connections all;
    const auto at = watched_connections::clock::now();
    for (int second = 0; second < 3; ++second) {
        look seen;
        for (std::uint64_t i = 1; i <= 50; ++i) {
            connection_sample one = busy_sample(i * 1000 * static_cast<std::uint64_t>(second), 0us, 0us, 0us);
            one.key = i;
            one.peer = "198.51.100." + std::to_string(i) + ":4000";
            one.rtt = microseconds(1000 * ((i * 7) % 50));
            one.state = "ESTABLISHED";
            seen.connections.push_back(one);
        }
        all.take(std::move(seen), at + std::chrono::seconds(second));
    }
    view_state state;
    state.sorted = column_named("rtt");
    const auto keys = choose_rows(all, state.sorted, false, "");
    ASSERT_EQ(keys.size(), 50U);
    for (std::size_t i = 1; i < keys.size(); ++i)
        EXPECT_GE(all.find(keys[i - 1])->now.rtt, all.find(keys[i])->now.rtt);
    EXPECT_EQ(choose_rows(all, 0, false, "100.7:").size(), 1U);
    EXPECT_EQ(choose_rows(all, 0, false, "estab 100.7:").size(), 1U);
    EXPECT_TRUE(choose_rows(all, 0, false, "nobody").empty());
    state.chosen = keys[40];
    for (const screen::extent size : {screen::extent{24, 80}, {30, 100}, {24, 120}, {50, 160}, {4, 20}}) {
        const auto rows = table_rows(all, keys, "here", state, size, paint(false));
        ASSERT_EQ(rows.size(), size.rows);
        for (const std::string& row : rows)
            EXPECT_LE(display_width(row), size.columns) << row;
        const auto own = connection_rows(*all.find(keys[3]), all, size, paint(false));
        ASSERT_EQ(own.size(), size.rows);
        for (const std::string& row : own)
            EXPECT_LE(display_width(row), size.columns) << row;
    }
    look trouble;
    trouble.failed = true;
    trouble.trouble = "gone";
    all.take(std::move(trouble), at + 3s);
    EXPECT_EQ(all.all().size(), 50U) << "what was known stays";
    all.take({}, at + 4s);
    EXPECT_TRUE(all.all().empty());
}

TEST(watch_table, figures_are_short) {
    for (const microseconds time : {0us, 999us, 1000us, 9'949us, 38'000us, 999'499us, 999'500us, 59'000'000us,
                                    3'599'000'000us, 900'000'000'000us})
        EXPECT_LE(display_width(short_time(time)), 6U) << short_time(time);
    EXPECT_EQ(short_time(38'200us), "38 ms");
    for (std::uint64_t bytes = 1; bytes < 900'000'000'000'000; bytes = bytes * 3 + 7)
        EXPECT_LE(short_size(bytes).size(), 6U) << short_size(bytes);
    EXPECT_EQ(short_size(1'234'567), "1.2 M");
    EXPECT_EQ(block_bar(0.5, 4), "██");
    EXPECT_EQ(block_graph({-1, 0, 4, 8}, 5, 2, 8), (std::vector<std::string>{"    █", "   ██"}));
}

}  // namespace
}  // namespace aperto::cli
