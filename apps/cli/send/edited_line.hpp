// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace aperto::cli {

/// A line that is being typed, with a cursor and a history: what each byte from a terminal does to it. It is
/// UTF-8 whatever the locale says, and knows nothing of the screen but how the line is to look on one row of
/// it.
class edited_line {
public:
    /// Larger than any message a server takes unless told otherwise. What is typed past it is lost, with a
    /// bell.
    static constexpr std::size_t size_max = std::size_t{1024} * 1024;
    static constexpr std::size_t history_max = 1000;  ///< lines

    enum class event {
        none,
        edited,   ///< to be shown again
        refused,  ///< the line is full
        entered,  ///< Enter: `text` is a whole line
        ended,    ///< Ctrl-D on an empty line
    };
    /// One byte from the keyboard. After `entered`, `next` begins a line.
    event take(char byte);

    const std::string& text() const noexcept { return text_; }
    /// Remembers the line and begins an empty one.
    void next();

    struct row {
        std::string text;        ///< what a terminal shows, controls and what is not UTF-8 as escapes
        std::size_t cursor = 0;  ///< columns before the cursor
    };
    /// The part of the line around the cursor that fits into so many columns, at least two.
    row shown(std::size_t columns) const;

private:
    event insert(char byte);
    event control(unsigned char byte);
    event escape(unsigned char byte);
    void recall(std::size_t index);
    void erase(std::size_t from, std::size_t to);
    std::size_t before(std::size_t place) const noexcept;
    std::size_t after(std::size_t place) const noexcept;
    std::size_t word_before(std::size_t place) const noexcept;
    std::size_t word_after(std::size_t place) const noexcept;

    std::string text_;
    std::size_t cursor_ = 0;  ///< bytes before it
    std::deque<std::string> history_;
    std::size_t recalled_ = 0;  ///< the line of the history that is shown; its size: none
    std::string unsent_;        ///< what was typed before a line of the history was called up
    std::string sequence_;      ///< of a key that sends several bytes, those that have come (ESC first)
};

}  // namespace aperto::cli
