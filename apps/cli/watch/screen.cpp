// SPDX-License-Identifier: MIT
#include "cli/watch/screen.hpp"

#include "core/environment.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace aperto::cli {

namespace {

constexpr std::string_view begin_screen = "\033[?1049h\033[?25l\033[?7l\033[H\033[2J";
constexpr std::string_view end_screen = "\033[?7h\033[?25h\033[0m\033[?1049l";

struct sequence {
    std::string_view bytes;
    key what;
};
constexpr std::array sequences{
    sequence{"\033[A", key::up},         sequence{"\033OA", key::up},    sequence{"\033[B", key::down},
    sequence{"\033OB", key::down},       sequence{"\033[C", key::right}, sequence{"\033OC", key::right},
    sequence{"\033[D", key::left},       sequence{"\033OD", key::left},  sequence{"\033[5~", key::page_up},
    sequence{"\033[6~", key::page_down}, sequence{"\033[H", key::home},  sequence{"\033OH", key::home},
    sequence{"\033[1~", key::home},      sequence{"\033[7~", key::home}, sequence{"\033[F", key::end},
    sequence{"\033OF", key::end},        sequence{"\033[4~", key::end},  sequence{"\033[8~", key::end},
};

/// Length of the sequence of ECMA-48 at the beginning of `bytes`, whatever it says; 0 where it is not whole.
std::size_t sequence_size(std::string_view bytes) {
    if (bytes.size() < 2) return 0;
    if (bytes[1] == 'O') return bytes.size() < 3 ? 0 : 3;
    if (bytes[1] != '[') return 1;
    for (std::size_t i = 2; i < bytes.size(); ++i)
        if (bytes[i] >= '@' && bytes[i] <= '~') return i + 1;
    return 0;
}

key_press plain(char byte) {
    constexpr char erase = 0x7F;
    if (byte == '\r' || byte == '\n') return {key::enter, 0};
    if (byte == erase || byte == '\b') return {key::erase, 0};
    return {key::text, byte};
}

// What a signal that ends the program by a fault of its own puts back.
termios terminal_before{};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): for the handler
volatile std::sig_atomic_t held;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): likewise

void put_back_and_die(int signal) {
    if (held) {
        [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, end_screen.data(), end_screen.size());
        ::tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
    }
    ::raise(signal);  // SA_RESETHAND: now it ends
}

void watch_for_faults() {
    struct sigaction action{};
    action.sa_handler = put_back_and_die;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
        ::sigaction(signal, &action, nullptr);
}

}  // namespace

std::vector<key_press> key_reader::take(std::string_view bytes) {
    held_ += bytes;
    std::vector<key_press> pressed;
    std::string_view rest = held_;
    while (!rest.empty()) {
        if (rest.front() != '\033') {
            pressed.push_back(plain(rest.front()));
            rest.remove_prefix(1);
            continue;
        }
        const std::size_t size = sequence_size(rest);
        if (size == 0) break;
        if (size == 1) pressed.push_back({key::escape, 0});
        for (const sequence& each : sequences)
            if (each.bytes == rest.substr(0, size)) pressed.push_back({each.what, 0});
        rest.remove_prefix(size);
    }
    // No sequence is that long: whoever sends it is no keyboard.
    constexpr std::size_t longest = 32;
    held_ = rest.size() > longest ? std::string() : std::string(rest);
    return pressed;
}

std::vector<key_press> key_reader::give_up() {
    if (held_.empty()) return {};
    held_.clear();
    return {{key::escape, 0}};
}

bool screen::is_possible() {
    const std::string kind = environment("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && !kind.empty() && kind != "dumb";
}

screen::screen() {
    has_keys_ = ::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &found_) == 0;
    held_ = found_;
    held_.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | IEXTEN);
    held_.c_cc[VMIN] = 1;
    held_.c_cc[VTIME] = 0;
    terminal_before = found_;
    watch_for_faults();
    enter();
}

screen::~screen() { leave(); }

void screen::enter() noexcept {
    if (std::exchange(entered_, true)) return;
    held = 1;
    if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &held_);
    write(begin_screen);
    shown_.clear();
}

void screen::leave() noexcept {
    if (!std::exchange(entered_, false)) return;
    write(end_screen);
    if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &found_);
    held = 0;
}

screen::extent screen::size() const {
    winsize told{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &told) != 0 || told.ws_col == 0 || told.ws_row == 0) return {};
    return {told.ws_row, told.ws_col};
}

void screen::draw(const std::vector<std::string>& rows) {
    const extent now = size();
    std::string text;
    if (now.rows != drawn_.rows || now.columns != drawn_.columns || shown_.empty()) {
        text = "\033[0m\033[2J";
        shown_.assign(now.rows, {});
        drawn_ = now;
    }
    for (std::size_t i = 0; i < now.rows; ++i) {
        const std::string& row = i < rows.size() ? rows[i] : std::string();
        if (row == shown_[i]) continue;
        text += "\033[" + std::to_string(i + 1) + ";1H" + row + "\033[0m\033[K";
        shown_[i] = row;
    }
    write(text);
}

void screen::write(std::string_view text) noexcept {
    while (!text.empty()) {
        const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) {
            is_there_ = false;
            return;
        }
        text.remove_prefix(static_cast<std::size_t>(put));
    }
}

std::string paint::put(std::string_view code, std::string_view text) const {
    if (!colours_) return std::string(text);
    return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

}  // namespace aperto::cli
