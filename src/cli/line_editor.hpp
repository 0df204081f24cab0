// SPDX-License-Identifier: MIT
#pragma once

#include <termios.h>

#include <optional>
#include <string>

namespace aperto::cli {

/// A line at the terminal, edited in place, with a history (editline(7)). It never waits: when there is
/// input, `read` takes it. One object at a time, on one thread.
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
    /// The line, once Enter was typed; the prompt is then gone.
    std::optional<std::string> take_line();
    /// Ctrl-D on an empty line, or the terminal is gone.
    bool ended() const noexcept { return ended_; }
    bool shown() const noexcept { return shown_; }

    /// Around output that comes while a line is being edited: takes the line off the screen, and puts it
    /// back.
    void hide();
    void show_again();

private:
    static void on_line(char* line);
    void hold_input() const;
    termios found_{};
    std::string prompt_;
    std::optional<std::string> line_;
    bool ended_ = false;
    bool shown_ = false;
};

}  // namespace aperto::cli
