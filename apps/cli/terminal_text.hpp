// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

/// Bytes from a peer on a person's terminal.
namespace aperto::cli {

/// As much of `bytes` as fits into so many columns of one row, at least one, made safe as `log_safe` does;
/// where something is left out, the last of them is "…".
std::string one_row(std::string_view bytes, std::size_t columns);

/// Makes a reply that comes in pieces fit to show: lines, tabs and every printable character pass; what a
/// terminal would obey, and what is not UTF-8, is shown as an escape (`\x1B`), so that no server drives the
/// user's terminal. CR LF becomes LF.
class terminal_filter {
public:
    /// Appends what `piece` completes; holds back a character, or a CR, that its end cuts.
    void feed(std::string_view piece, std::string& out);
    /// The reply has ended: appends what was held back, and ends the line that was begun.
    void finish(std::string& out);

private:
    std::string held_;
    bool within_line_ = false;
};

}  // namespace aperto::cli
