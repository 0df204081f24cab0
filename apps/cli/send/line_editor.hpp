// SPDX-License-Identifier: MIT
#pragma once

#include <termios.h>

#include <cstddef>
#include <cstdio>
#include <deque>
#include <optional>
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

/// A line at the terminal, edited in place on one row. It never waits: when there is input, `read` takes it.
/// One thread, but for `release` and `seize`. For as long as it lives the terminal neither shows what is
/// typed nor makes lines of it: all of it is for this line or the next; its keys for signals stay.
class line_editor {
public:
    explicit line_editor(std::string prompt);
    /// The terminal is as it was.
    ~line_editor();
    line_editor(const line_editor&) = delete;
    line_editor& operator=(const line_editor&) = delete;

    /// Shows the prompt and begins a line.
    void begin();
    /// Takes what was typed; waits for it where nothing was.
    void read();
    /// True where what was typed before is not all taken yet: lines that came at once.
    bool has_more() const noexcept { return !pending_.empty(); }
    /// The line, once Enter was typed; the prompt is then gone.
    std::optional<std::string> take_line();
    /// Ctrl-D on an empty line, or the terminal is gone.
    bool ended() const noexcept { return ended_; }

    /// Around output that comes while a line is being edited: takes the line off the screen, and puts it
    /// back.
    void hide();
    void show_again();
    bool is_shown() const noexcept { return shown_; }

    /// The terminal as it was found, and as this needs it. Any thread, and no lock: for the signals that end
    /// or stop the program.
    void release() const noexcept;
    void seize() const noexcept;

private:
    void take_pending();
    std::size_t columns() const;

    std::FILE* const screen_;
    termios found_{};
    termios held_{};
    const std::string prompt_;
    edited_line line_;
    std::string pending_;  ///< typed, and not taken yet
    std::optional<std::string> entered_;
    bool ended_ = false;
    bool shown_ = false;
};

}  // namespace aperto::cli
