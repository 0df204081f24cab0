// SPDX-License-Identifier: MIT
#include "core/display.hpp"

#include "core/environment.hpp"
#include "core/utf8.hpp"

#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace aperto {

namespace {

/// The character at `text`'s beginning: its bytes, and its columns. What is no character counts as one
/// column.
struct glyph {
    std::size_t bytes = 1;
    std::size_t columns = 1;
};

glyph first_glyph(std::string_view text) {
    const utf8::step step = utf8::decode(text.data(), text.data() + text.size());
    if (step.kind != utf8::kind::character) return {step.size, 1};
    const int columns = ::wcwidth(static_cast<wchar_t>(step.code_point));
    return {step.size, columns < 0 ? 1 : static_cast<std::size_t>(columns)};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Whether `word`, a comma or the like behind it or not, is what a number before it counts.
bool is_unit(std::string_view word) {
    constexpr std::array<std::string_view, 15> units{"B",      "kB",     "MB",     "GB",  "bit/s",
                                                     "kbit/s", "Mbit/s", "Gbit/s", "ns",  "us",
                                                     "µs",     "ms",     "s",      "min", "%"};
    const auto last = word.find_last_not_of(",.;:)");
    return std::find(units.begin(), units.end(), word.substr(0, last + 1)) != units.end();
}

/// Puts the words of one line onto lines of at most `columns`.
class line_breaker {
public:
    line_breaker(std::size_t columns, std::size_t indent, std::size_t used, std::string& out)
        : columns_(columns),
          indent_(std::min(indent, columns - std::min<std::size_t>(columns / 2, 20))),
          used_(used),
          out_(out) {}

    void put(std::string_view line) {
        while (!line.empty()) {
            const auto word = std::min(line.find_first_not_of(' '), line.size());
            const auto size = word_size(line.substr(word));
            put(line.substr(0, word), line.substr(word, size));
            line.remove_prefix(word + size);
        }
    }

private:
    /// A word with what no line begins with.
    std::size_t word_size(std::string_view text) const {
        auto size = bare_word_size(text);
        while (size < text.size()) {
            const auto end = std::min(text.find(' ', size + 1), text.size());
            const auto next = text.substr(size + 1, end - size - 1);
            const bool joined = next == "·" || next == "|" || (is_digit(text[size - 1]) && is_unit(next));
            if (!joined || display_width(text.substr(0, end)) > columns_ - indent_) break;
            size = end;
        }
        return size;
    }

    std::size_t bare_word_size(std::string_view text) const {
        const auto plain = std::min(text.find(' '), text.size());
        if (!text.starts_with('"')) return plain;
        for (auto end = text.find('"', 1); end != std::string_view::npos; end = text.find('"', end + 1)) {
            const bool ends = end + 1 == text.size() || text[end + 1] == ' ';
            if (ends) return display_width(text.substr(0, end + 1)) <= columns_ - indent_ ? end + 1 : plain;
        }
        return plain;
    }

    void put(std::string_view blanks, std::string_view word) {
        const auto wide = display_width(word);
        if (used_ + blanks.size() + wide <= columns_) {
            out_ += blanks;
            used_ += blanks.size();
        } else if (something_) {
            next_line();
        }
        something_ = something_ || !word.empty();
        if (used_ + wide <= columns_) {
            out_ += word;
            used_ += wide;
            return;
        }
        for (; !word.empty(); word.remove_prefix(first_glyph(word).bytes)) {
            const auto [bytes, wide_one] = first_glyph(word);
            if (used_ + wide_one > columns_) next_line();
            out_ += word.substr(0, bytes);
            used_ += wide_one;
        }
    }

    void next_line() {
        out_ += '\n';
        out_.append(indent_, ' ');
        used_ = indent_;
    }

    std::size_t columns_;
    std::size_t indent_;
    std::size_t used_;
    std::string& out_;
    bool something_ = false;  ///< whether a word has been put down: before the first no line is broken
};

}  // namespace

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        const auto [bytes, columns] = first_glyph(text);
        width += columns;
        text.remove_prefix(bytes);
    }
    return width;
}

std::string wrap(std::string_view text, std::size_t columns, std::size_t indent, std::size_t used) {
    if (columns == 0) return std::string(text);
    std::string out;
    while (true) {
        const auto end = std::min(text.find('\n'), text.size());
        line_breaker(columns, indent, used, out).put(text.substr(0, end));
        if (end == text.size()) return out;
        out += '\n';
        text.remove_prefix(end + 1);
        used = 0;
    }
}

std::size_t asked_columns() {
    const std::string text = environment("COLUMNS");
    std::size_t columns = 0;
    const auto [rest, failed] = std::from_chars(text.data(), text.data() + text.size(), columns);
    return failed == std::errc{} && rest == text.data() + text.size() ? columns : 0;
}

std::size_t terminal_columns(int descriptor) {
    if (::isatty(descriptor) != 1) return 0;
    if (const std::size_t asked = asked_columns()) return asked;
    winsize size{};
    return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool takes_colour(int descriptor) {
    return ::isatty(descriptor) == 1 && environment("NO_COLOR").empty() && !environment("TERM").empty() &&
           environment("TERM") != "dumb";
}

}  // namespace aperto
