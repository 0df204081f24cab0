// SPDX-License-Identifier: MIT
#include "cli/line_editor.hpp"

#include <editline/readline.h>
#include <unistd.h>

#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace aperto::cli {

namespace {

/// editline's own state is the program's, and its callback carries none.
line_editor* the_editor = nullptr;

constexpr int history_lines_max = 1000;
constexpr const char* clear_line = "\r\033[K";

}  // namespace

line_editor::line_editor(std::string prompt) : prompt_(std::move(prompt)) {
    assert(!the_editor);
    ::tcgetattr(STDIN_FILENO, &found_);
    the_editor = this;
    rl_readline_name = "aperto";
    // A prompt on a redirected output would land in the file.
    rl_outstream = ::isatty(STDOUT_FILENO) == 1 ? stdout : stderr;
    rl_inhibit_completion = 1;
    using_history();
    stifle_history(history_lines_max);
}

line_editor::~line_editor() {
    if (shown_) rl_callback_handler_remove();
    ::tcsetattr(STDIN_FILENO, TCSANOW, &found_);
    the_editor = nullptr;
}

void line_editor::begin() {
    rl_callback_handler_install(prompt_.c_str(), &line_editor::on_line);
    shown_ = true;
}

void line_editor::read() { rl_callback_read_char(); }

std::optional<std::string> line_editor::take_line() { return std::exchange(line_, std::nullopt); }

void line_editor::on_line(char* line) {
    line_editor& self = *the_editor;
    rl_callback_handler_remove();
    self.shown_ = false;
    if (!line) {
        self.ended_ = true;
        return;
    }
    self.hold_input();
    self.line_ = line;
    if (*line != '\0') add_history(line);
    std::free(line);  // NOLINT(cppcoreguidelines-no-malloc): editline hands over what it allocated
}

/// Between lines the terminal neither shows what is typed nor makes lines of it: all of it is for the next
/// prompt, and a Ctrl-D that the terminal took for an end of its own would be lost there.
void line_editor::hold_input() const {
    termios held = found_;
    held.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    held.c_cc[VMIN] = 1;
    held.c_cc[VTIME] = 0;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &held);
}

void line_editor::hide() {
    if (!shown_) return;
    std::fputs(clear_line, rl_outstream);
    std::fflush(rl_outstream);
}

void line_editor::show_again() {
    if (!shown_) return;
    rl_on_new_line();
    rl_forced_update_display();
}

}  // namespace aperto::cli
