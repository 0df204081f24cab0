// SPDX-License-Identifier: MIT
#include "cli/send/line_editor.hpp"

#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/utf8.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

namespace aperto::cli {

namespace {

/// The byte that Ctrl and this letter send.
constexpr unsigned char with_control(char letter) { return static_cast<unsigned char>(letter & 0x1F); }

constexpr unsigned char escape_byte = 0x1B;
constexpr unsigned char delete_byte = 0x7F;

/// One character, or one byte of what is none, and how it looks.
struct cell {
    std::size_t size;
    std::string look;
    std::size_t columns;
};

cell cell_at(std::string_view text, std::size_t place) {
    const utf8::step step = utf8::decode(text.data() + place, text.data() + text.size());
    const std::string_view bytes = text.substr(place, step.size);
    std::string look;
    if (bytes == "\t")
        look += ' ';
    else if (bytes == "\\")
        look += '\\';  // it would come back doubled, as in a log
    else
        log_safe(bytes, look, std::numeric_limits<std::size_t>::max());
    const std::size_t columns = display_width(look);
    return {step.size, std::move(look), columns};
}

}  // namespace

edited_line::event edited_line::take(char byte) {
    const auto value = static_cast<unsigned char>(byte);
    if (!sequence_.empty()) return escape(value);
    if (value == escape_byte) {
        sequence_ = byte;
        return event::none;
    }
    if ((value < ' ' && byte != '\t') || value == delete_byte) return control(value);
    return insert(byte);
}

edited_line::event edited_line::insert(char byte) {
    if (text_.size() >= size_max) return event::refused;
    text_.insert(cursor_++, 1, byte);
    return event::edited;
}

edited_line::event edited_line::control(unsigned char byte) {
    switch (byte) {
    case '\r':
    case '\n':
        return event::entered;
    case with_control('D'):
        if (text_.empty()) return event::ended;
        erase(cursor_, after(cursor_));
        break;
    case with_control('H'):
    case delete_byte:
        erase(before(cursor_), cursor_);
        break;
    case with_control('A'):
        cursor_ = 0;
        break;
    case with_control('E'):
        cursor_ = text_.size();
        break;
    case with_control('B'):
        cursor_ = before(cursor_);
        break;
    case with_control('F'):
        cursor_ = after(cursor_);
        break;
    case with_control('K'):
        erase(cursor_, text_.size());
        break;
    case with_control('U'):
        erase(0, cursor_);
        break;
    case with_control('W'):
        erase(word_before(cursor_), cursor_);
        break;
    case with_control('P'):
        if (recalled_ > 0) recall(recalled_ - 1);
        break;
    case with_control('N'):
        if (recalled_ < history_.size()) recall(recalled_ + 1);
        break;
    case with_control('L'):
        break;
    default:
        return event::none;
    }
    return event::edited;
}

/// Keys that send ESC [ … or ESC O and a letter (ECMA-48, 5.4; xterm's ctlseqs). An unknown one does nothing,
/// and no byte of it is text.
edited_line::event edited_line::escape(unsigned char byte) {
    constexpr std::size_t sequence_max = 16;
    sequence_ += static_cast<char>(byte);
    const bool introduced = sequence_[1] == '[' || sequence_[1] == 'O';
    const bool is_final = sequence_.size() > 2 && byte >= 0x40 && byte <= 0x7E;
    if (introduced && !is_final && sequence_.size() < sequence_max) return event::none;
    const std::string key = std::exchange(sequence_, {}).substr(1);
    if (key == "[A" || key == "OA") return control(with_control('P'));
    if (key == "[B" || key == "OB") return control(with_control('N'));
    if (key == "[C" || key == "OC") return control(with_control('F'));
    if (key == "[D" || key == "OD") return control(with_control('B'));
    if (key == "[H" || key == "OH" || key == "[1~" || key == "[7~") return control(with_control('A'));
    if (key == "[F" || key == "OF" || key == "[4~" || key == "[8~") return control(with_control('E'));
    if (key == "[3~")
        erase(cursor_, after(cursor_));
    else if (key == "[1;5C" || key == "f")
        cursor_ = word_after(cursor_);
    else if (key == "[1;5D" || key == "b")
        cursor_ = word_before(cursor_);
    else
        return event::none;
    return event::edited;
}

void edited_line::recall(std::size_t index) {
    if (recalled_ == history_.size()) unsent_ = text_;
    recalled_ = index;
    text_ = index == history_.size() ? unsent_ : history_[index];
    cursor_ = text_.size();
}

void edited_line::next() {
    if (!text_.empty() && (history_.empty() || history_.back() != text_)) history_.push_back(text_);
    if (history_.size() > history_max) history_.pop_front();
    recalled_ = history_.size();
    text_.clear();
    unsent_.clear();
    sequence_.clear();
    cursor_ = 0;
}

void edited_line::erase(std::size_t from, std::size_t to) {
    text_.erase(from, to - from);
    cursor_ = from;
}

std::size_t edited_line::before(std::size_t place) const noexcept {
    if (place == 0) return 0;
    // The last character that ends here: at most four bytes long, one byte where there is none.
    for (std::size_t size = std::min<std::size_t>(4, place); size > 1; --size) {
        const char* const from = text_.data() + place - size;
        const utf8::step step = utf8::decode(from, from + size);
        if (step.kind == utf8::kind::character && step.size == size) return place - size;
    }
    return place - 1;
}

std::size_t edited_line::after(std::size_t place) const noexcept {
    if (place == text_.size()) return place;
    return place + utf8::decode(text_.data() + place, text_.data() + text_.size()).size;
}

std::size_t edited_line::word_before(std::size_t place) const noexcept {
    while (place > 0 && text_[place - 1] == ' ')
        --place;
    while (place > 0 && text_[place - 1] != ' ')
        --place;
    return place;
}

std::size_t edited_line::word_after(std::size_t place) const noexcept {
    while (place < text_.size() && text_[place] == ' ')
        ++place;
    while (place < text_.size() && text_[place] != ' ')
        ++place;
    return place;
}

edited_line::row edited_line::shown(std::size_t columns) const {
    columns = std::max<std::size_t>(columns, 2);
    // Backwards from the cursor until the row is full but for the column where the cursor stands.
    row result;
    std::size_t begin = cursor_;
    while (begin > 0) {
        const std::size_t place = before(begin);
        const std::size_t wide = cell_at(text_, place).columns;
        if (result.cursor + wide >= columns) break;
        result.cursor += wide;
        begin = place;
    }
    std::size_t used = 0;
    for (std::size_t place = begin; place < text_.size();) {
        const cell each = cell_at(text_, place);
        if (used + each.columns >= columns) break;
        used += each.columns;
        place += each.size;
        result.text += each.look;
    }
    return result;
}

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
