// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// How text stands on a terminal.
namespace aperto {

/// Columns that `text`, UTF-8, takes on a terminal (wcwidth(3)).
std::size_t display_width(std::string_view text);

/// Breaks lines of `text` that are longer than `columns` between words, so that no terminal breaks them
/// within one; not before a unit, nor before the dot that parts two remarks. Lines that come of it begin with
/// `indent` blanks; the first one begins at column `used`. What stands in double quotes stays together where
/// it fits into a line; a word wider than a line is cut between characters. Blanks inside a line are kept. 0
/// columns: nothing is broken.
std::string wrap(std::string_view text, std::size_t columns, std::size_t indent = 0, std::size_t used = 0);

/// The width that $COLUMNS asks for; 0 where it asks for none.
std::size_t asked_columns();

/// How wide the terminal behind `descriptor` is: as asked for, else what it says itself; 0 where it is none,
/// so that no line of a file or a pipe is broken.
std::size_t terminal_columns(int descriptor);

/// Whether `descriptor` is a terminal that takes colours from a program that was not told to leave them out
/// (no-color.org: by NO_COLOR, unless it is empty).
bool takes_colour(int descriptor);

}  // namespace aperto
