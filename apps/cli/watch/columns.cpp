// SPDX-License-Identifier: MIT
#include "cli/watch/columns.hpp"

#include "cli/options/quantity.hpp"
#include "core/display.hpp"
#include "core/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace aperto::cli {

namespace {

using watched = watched_connection;
using std::chrono::microseconds;

template <class Value, class Write>
std::string written(const std::optional<Value>& value, Write write) {
    return value ? write(*value) : std::string();
}

double order_of(const connection_sample::number& value) { return value ? static_cast<double>(*value) : -1; }
template <class Time>
double order_of_time(const std::optional<Time>& value) {
    return value ? std::chrono::duration<double>(*value).count() : -1;
}

std::string peer_text(const watched& of) { return of.peer; }
std::string local_text(const watched& of) { return of.local; }
std::string state_text(const watched& of) { return of.now.state; }
std::string age_text(const watched& of) { return written(of.now.age, short_time); }
std::string in_text(const watched& of) { return written(of.now.bytes_in, short_size); }
std::string out_text(const watched& of) { return written(of.now.bytes_out, short_size); }
std::string in_rate_text(const watched& of) { return written(of.rate_in(), short_size); }
std::string out_rate_text(const watched& of) { return written(of.rate_out(), short_size); }
std::string rtt_text(const watched& of) { return written(of.now.rtt, short_time); }
std::string rto_text(const watched& of) { return written(of.now.rto, short_time); }
std::string window_text(const watched& of) {
    return written(of.now.congestion_window, [](std::uint64_t segments) { return fmt::to_string(segments); });
}
std::string flight_text(const watched& of) { return written(of.now.in_flight, short_size); }
std::string unread_text(const watched& of) { return written(of.now.unread, short_size); }
std::string resent_text(const watched& of) {
    return written(of.now.segments_resent, [](std::uint64_t segments) { return fmt::to_string(segments); });
}
std::string full_text(const watched& of) {
    if (!of.times_known() || of.past.size() == 0) return {};
    return fmt::format("{:.0f} %", of.whose().client_window * 100);
}
std::string idle_text(const watched& of) { return written(of.now.idle, short_time); }
std::string messages_text(const watched& of) {
    return written(of.now.messages, [](std::uint64_t messages) { return fmt::to_string(messages); });
}
std::string whose_text(const watched& of) { return of.blame_text(); }

constexpr std::array all_columns{
    column{"peer", N_("peer"), 21, 0, true, peer_text, nullptr},
    column{"local", N_("local"), 21, 15, true, local_text, nullptr},
    column{"state", N_("state"), 11, 10, true, state_text, nullptr},
    column{"age", N_("since"), 6, 13, false, age_text,
           [](const watched& of) { return order_of_time(of.now.age); }},
    column{"messages", N_("messages"), 8, 14, false, messages_text,
           [](const watched& of) { return order_of(of.now.messages); }},
    column{"in", N_("in"), 6, 8, false, in_text, [](const watched& of) { return order_of(of.now.bytes_in); }},
    column{"out", N_("out"), 6, 4, false, out_text,
           [](const watched& of) { return order_of(of.now.bytes_out); }},
    column{"in-rate", N_("in/s"), 6, 12, false, in_rate_text,
           [](const watched& of) { return order_of(of.rate_in()); }},
    column{"out-rate", N_("out/s"), 6, 11, false, out_rate_text,
           [](const watched& of) { return order_of(of.rate_out()); }},
    column{"rtt", N_("rtt"), 6, 2, false, rtt_text,
           [](const watched& of) { return order_of_time(of.now.rtt); }},
    column{"rto", N_("rto"), 6, 9, false, rto_text,
           [](const watched& of) { return order_of_time(of.now.rto); }},
    column{"cwnd", N_("cwnd"), 5, 7, false, window_text,
           [](const watched& of) { return order_of(of.now.congestion_window); }},
    column{"flight", N_("flight"), 6, 6, false, flight_text,
           [](const watched& of) { return order_of(of.now.in_flight); }},
    column{"unread", N_("unread"), 6, 16, false, unread_text,
           [](const watched& of) { return order_of(of.now.unread); }},
    column{"resent", N_("resent"), 6, 3, false, resent_text,
           [](const watched& of) { return order_of(of.now.segments_resent); }},
    column{"window-full", N_("full"), 5, 14, false, full_text,
           [](const watched& of) { return of.times_known() ? of.whose().client_window : -1; }},
    column{"idle", N_("idle"), 6, 5, false, idle_text,
           [](const watched& of) { return order_of_time(of.now.idle); }},
    column{"blame", N_("whose fault, last minute"), 23, 1, true, whose_text,
           [](const watched& of) { return of.times_known() ? of.whose().share : -1; }},
};
constexpr std::size_t blame_column = all_columns.size() - 1;

bool holds(std::string_view text, std::string_view word) {
    const auto same = [](char one, char other) {
        const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
        return small(one) == small(other);
    };
    return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

bool passes(const watched& row, const std::vector<std::string>& words) {
    return std::all_of(words.begin(), words.end(), [&row](const std::string& word) {
        return holds(row.peer, word) || holds(row.local, word) || holds(row.now.state, word) ||
               holds(row.blame_text(), word);
    });
}

std::vector<std::string> words_of(const std::string& filter) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < filter.size();) {
        const std::size_t end = std::min(filter.find(' ', at), filter.size());
        if (end > at) words.push_back(filter.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

}  // namespace

std::span<const column> columns() { return all_columns; }

std::size_t column_named(std::string_view name) {
    const auto found = std::find_if(all_columns.begin(), all_columns.end(),
                                    [name](const column& each) { return each.name == name; });
    return static_cast<std::size_t>(found - all_columns.begin());
}

std::vector<placed_column> place_columns(std::size_t wide, std::size_t sorted, std::size_t peer_width) {
    const auto own_width = [](std::size_t which) {
        const column& what = all_columns[which];
        return std::max(what.width, which == blame_column ? 0 : display_width(_(what.title)));
    };
    // The peer makes room for what is sorted by, on a screen that is very narrow.
    constexpr std::size_t least = 8;
    const std::size_t beside = sorted == 0 ? 0 : own_width(sorted) + 1;
    const std::size_t peer = std::min(peer_width, std::max(least, wide - std::min(wide, beside)));
    const auto width_of = [&](std::size_t which) { return which == 0 ? peer : own_width(which); };
    std::vector<std::size_t> order(all_columns.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    const auto rank = [sorted](std::size_t which) {
        return std::pair(which == sorted ? 0 : all_columns[which].rank, which);
    };
    std::sort(order.begin(), order.end(), [&rank](auto one, auto other) { return rank(one) < rank(other); });
    std::vector<std::size_t> taken;
    std::size_t used = 0;
    for (const std::size_t which : order) {
        const std::size_t needs = width_of(which) + (used == 0 ? 0 : 1);
        if (used + needs > wide && !taken.empty()) continue;
        taken.push_back(which);
        used += needs;
    }
    std::sort(taken.begin(), taken.end());
    std::vector<placed_column> placed;
    for (const std::size_t which : taken)
        placed.push_back({&all_columns[which], width_of(which)});
    if (used < wide) placed.back().width += wide - used;
    return placed;
}

std::vector<std::uint64_t> choose_rows(const watched_connections& from, std::size_t sorted, bool reversed,
                                       const std::string& filter) {
    const column& by = all_columns[sorted];
    const std::vector<std::string> words = words_of(filter);
    struct ranked {
        double order;
        const std::string* text;
        std::uint64_t key;
    };
    std::vector<ranked> rows;
    rows.reserve(from.all().size());
    for (const auto& [key, each] : from.all()) {
        if (!words.empty() && !passes(each, words)) continue;
        const double order = by.order ? by.order(each) : 0;
        rows.push_back({order,
                        sorted == 1             ? &each.local
                        : by.text == state_text ? &each.now.state
                                                : &each.peer,
                        key});
    }
    std::sort(rows.begin(), rows.end(), [reversed](const ranked& one, const ranked& other) {
        const bool one_known = one.order >= 0;
        if (one_known != (other.order >= 0)) return one_known;
        if (one.order != other.order) return reversed ? one.order < other.order : one.order > other.order;
        const int compared = one.text->compare(*other.text);
        if (compared != 0) return reversed ? compared > 0 : compared < 0;
        return one.key < other.key;
    });
    std::vector<std::uint64_t> keys;
    keys.reserve(rows.size());
    for (const ranked& each : rows)
        keys.push_back(each.key);
    return keys;
}

std::string short_time(microseconds time) {
    const double us = static_cast<double>(time.count());
    if (us < 1000) return fmt::format("{} µs", time.count());
    if (us < 9'950) return decimal_text(us / 1e3, 1) + " ms";
    if (us < 999'500) return decimal_text(us / 1e3, 0) + " ms";
    if (us < 9.95e6) return decimal_text(us / 1e6, 1) + " s";
    const auto seconds = static_cast<std::uint64_t>(us / 1e6);
    if (seconds < 60) return fmt::format("{} s", seconds);
    if (seconds < 3600) return fmt::format("{} m", seconds / 60);
    if (seconds < 86'400) return fmt::format("{} h", seconds / 3600);
    return fmt::format("{} d", seconds / 86'400);
}

std::string short_size(std::uint64_t bytes) {
    if (bytes < 1000) return fmt::to_string(bytes);
    double value = static_cast<double>(bytes);
    for (const char* const name : {"K", "M", "G", "T", "P"}) {
        value /= 1000;
        if (value < 999.5) return fmt::format("{} {}", decimal_text(value, value < 9.95 ? 1 : 0), name);
    }
    return fmt::format("{} E", decimal_text(value / 1000, 1));
}

}  // namespace aperto::cli
