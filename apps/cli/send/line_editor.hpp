// SPDX-License-Identifier: MIT
#pragma once

#include "cli/send/edited_line.hpp"

#include <termios.h>

#include <cstdio>
#include <optional>
#include <string>

namespace aperto::cli {

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
