// SPDX-License-Identifier: MIT
#pragma once

#include "cli/watch/columns.hpp"
#include "cli/watch/screen.hpp"
#include "cli/watch/watched.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace aperto::cli {

/// What the keys have chosen.
struct view_state {
    std::size_t sorted = 0;  ///< column
    bool reversed = false;
    bool paused = false;
    bool typing = false;  ///< a filter is being typed
    std::string filter;
    std::uint64_t chosen = 0;  ///< the connection that the cursor is on
    bool opened = false;       ///< its own screen is shown
    std::size_t first = 0;     ///< the row that is on top
};

/// What is watched and how it goes, in a row: "127.0.0.1:7102 · aperto 0.2 · 8,412 connections · 2,113 messages/s …".
std::string headline(const watched_connections& from, const std::string& name, std::size_t shown);

/// The table as a screen of that size. `keys`: its rows, of which the chosen one is brought into view.
std::vector<std::string> table_rows(const watched_connections& from, const std::vector<std::uint64_t>& keys,
                                    const std::string& name, view_state& state, screen::extent size,
                                    const paint& look);
/// The titles and every row, for what is no screen.
std::vector<std::string> whole_table(const watched_connections& from, const std::vector<std::uint64_t>& keys,
                                     std::size_t sorted, std::size_t wide);

/// One connection: figures, whose fault, graphs, and the latest messages where the server times them.
std::vector<std::string> connection_rows(const watched_connection& of, const watched_connections& from,
                                         screen::extent size, const paint& look);

/// `values` from the oldest to the latest, as columns of blocks; a negative one is not known. The latest is the last
/// column; `most` is as high as the rows are.
std::vector<std::string> block_graph(const std::vector<double>& values, std::size_t wide, std::size_t high,
                                     double most);
/// `share` of so many columns.
std::string block_bar(double share, std::size_t wide);

/// `text` in exactly so many columns: cut with "…", or filled up with blanks.
std::string fitted(const std::string& text, std::size_t columns, bool to_the_right = false);

/// One line for programs, without a line feed.
std::string watch_json(const watched_connections& from, const std::vector<std::uint64_t>& keys,
                       const std::string& name, const std::string& kind);

}  // namespace aperto::cli
