// SPDX-License-Identifier: MIT
#pragma once

#include "cli/watch/watched.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

/// One thing that can be told of each connection.
struct column {
    const char* name;   ///< for `--sort`
    const char* title;  ///< to be translated
    std::size_t width;  ///< columns of a terminal that its text needs
    unsigned rank;      ///< which are shown where there is no room for all: the smaller, the sooner
    bool is_text;       ///< stands to the left, and is sorted from A to Z; figures from the largest down
    std::string (*text)(const watched_connection& of);
    /// What figures are sorted by; what is not known comes last. Null: the text.
    double (*order)(const watched_connection& of);
};

/// All there are, as they stand beside each other.
std::span<const column> columns();
/// The column of that name; their number where there is none.
std::size_t column_named(std::string_view name);

struct placed_column {
    const column* what;
    std::size_t width;
};
/// Those that fit beside each other into so many columns of a terminal, `sorted` always among them; the last one takes
/// the room that is left.
std::vector<placed_column> place_columns(std::size_t wide, std::size_t sorted, std::size_t peer_width);

/// Keys of the rows to show: those with every word of `filter` in one of their texts, in order.
std::vector<std::uint64_t> choose_rows(const watched_connections& from, std::size_t sorted, bool reversed,
                                       const std::string& filter);

/// "12 µs", "38 ms", "1.2 M", "2 h": at most six columns.
std::string short_time(std::chrono::microseconds time);
std::string short_size(std::uint64_t bytes);

}  // namespace aperto::cli
