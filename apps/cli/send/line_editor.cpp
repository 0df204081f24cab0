// SPDX-License-Identifier: MIT
#include "cli/send/line_editor.hpp"

#include "core/display.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace aperto::cli {

namespace {

constexpr const char* clear_row = "\r\033[K";
constexpr const char* bell = "\a";
constexpr std::size_t columns_unknown = 80;

}  // namespace

line_editor::line_editor(std::string prompt)
    // A prompt on a redirected output would land in the file.
    : screen_(::isatty(STDOUT_FILENO) == 1 ? stdout : stderr), prompt_(std::move(prompt)) {
    ::tcgetattr(STDIN_FILENO, &found_);
    held_ = found_;
    held_.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | IEXTEN);
    held_.c_cc[VMIN] = 1;
    held_.c_cc[VTIME] = 0;
    seize();
}

line_editor::~line_editor() { release(); }

void line_editor::release() const noexcept { ::tcsetattr(STDIN_FILENO, TCSANOW, &found_); }
void line_editor::seize() const noexcept { ::tcsetattr(STDIN_FILENO, TCSANOW, &held_); }

void line_editor::begin() {
    shown_ = true;
    show_again();
    take_pending();
}

void line_editor::read() {
    std::array<char, 4096> piece;
    const ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) {
        ended_ = true;
        return;
    }
    pending_.append(piece.data(), static_cast<std::size_t>(got));
    take_pending();
}

void line_editor::take_pending() {
    std::size_t taken = 0;
    auto last = edited_line::event::none;
    while (taken < pending_.size() && last != edited_line::event::entered &&
           last != edited_line::event::ended) {
        last = line_.take(pending_[taken++]);
        if (last == edited_line::event::refused) std::fputs(bell, screen_);
    }
    pending_.erase(0, taken);
    show_again();
    ended_ = ended_ || last == edited_line::event::ended;
    if (last != edited_line::event::entered) return;
    entered_ = line_.text();
    line_.next();
    shown_ = false;
    std::fputs("\n", screen_);
    std::fflush(screen_);
}

std::optional<std::string> line_editor::take_line() { return std::exchange(entered_, std::nullopt); }

std::size_t line_editor::columns() const {
    winsize size{};
    const bool known = ::ioctl(::fileno(screen_), TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
    const std::size_t all = known ? size.ws_col : columns_unknown;
    const std::size_t used = display_width(prompt_);
    return all > used ? all - used : 0;
}

void line_editor::hide() {
    if (!shown_) return;
    std::fputs(clear_row, screen_);
    std::fflush(screen_);
}

void line_editor::show_again() {
    if (!shown_) return;
    const edited_line::row row = line_.shown(columns());
    std::fprintf(screen_, "%s%s%s\r\033[%zuC", clear_row, prompt_.c_str(), row.text.c_str(),
                 display_width(prompt_) + row.cursor);
    std::fflush(screen_);
}

}  // namespace aperto::cli
