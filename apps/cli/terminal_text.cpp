// SPDX-License-Identifier: MIT
#include "cli/terminal_text.hpp"

#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/utf8.hpp"

#include <limits>
#include <utility>

namespace aperto::cli {

std::string one_row(std::string_view bytes, std::size_t columns) {
    std::string row;
    std::size_t used = 0;
    std::size_t kept = 0;  // bytes of the row that leave a column for the "…"
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (at != end) {
        const utf8::step step = utf8::decode(at, end);
        const std::size_t before = row.size();
        log_safe({at, step.size}, row);
        used += display_width(std::string_view(row).substr(before));
        if (used > columns) return row.substr(0, kept) + "…";
        if (used < columns) kept = row.size();
        at += step.size;
    }
    return row;
}

void terminal_filter::feed(std::string_view piece, std::string& out) {
    held_ += piece;
    std::size_t whole = utf8::complete_prefix(held_);
    if (whole != 0 && whole == held_.size() && held_.back() == '\r') --whole;
    std::string_view rest = std::string_view(held_).substr(0, whole);
    if (rest.empty()) return;
    // log_safe doubles a backslash, so that a log can be read back; here nobody reads back.
    constexpr std::string_view passed = "\n\t\\";
    while (!rest.empty()) {
        const std::size_t plain = std::min(rest.find_first_of(passed), rest.size());
        std::string_view text = rest.substr(0, plain);
        const bool crlf = plain < rest.size() && rest[plain] == '\n' && text.ends_with('\r');
        if (crlf) text.remove_suffix(1);
        log_safe(text, out, std::numeric_limits<std::size_t>::max());
        if (plain < rest.size()) out += rest[plain];
        rest.remove_prefix(std::min(plain + 1, rest.size()));
    }
    within_line_ = out.back() != '\n';
    held_.erase(0, whole);
}

void terminal_filter::finish(std::string& out) {
    log_safe(std::exchange(held_, {}), out, std::numeric_limits<std::size_t>::max());
    if (std::exchange(within_line_, false) || (!out.empty() && out.back() != '\n')) out += '\n';
}

}  // namespace aperto::cli
