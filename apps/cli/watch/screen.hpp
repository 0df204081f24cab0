// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"

#include <termios.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

enum class key { none, up, down, left, right, page_up, page_down, home, end, enter, escape, erase, text };
struct key_press {
    key what = key::none;
    char letter = 0;  ///< of `text`: a byte
};
/// What bytes from a terminal say, whatever reads they come in.
class key_reader {
public:
    std::vector<key_press> take(std::string_view bytes);
    /// An ESC has come and nothing after it: it was the key of that name, or a sequence is on its way.
    bool is_waiting() const noexcept { return !held_.empty(); }
    /// It was the key.
    std::vector<key_press> give_up();

private:
    std::string held_;
};

/// The whole screen of a terminal: rows of it, the same ones again only where they have changed, so that a slow line
/// carries little. What is there before comes back with the destructor, and by `release` from a handler of signals. Plain
/// sequences of ECMA-48 that every terminal since the VT100 obeys, and xterm's second screen where there is one.
class screen {
public:
    /// The terminal is standard output; keys come from standard input where that is one too.
    screen();
    ~screen();
    screen(const screen&) = delete;
    screen& operator=(const screen&) = delete;

    /// False: dumb, or no terminal; then rows can only follow one another.
    static bool is_possible();

    struct extent {
        std::size_t rows = 24;
        std::size_t columns = 80;
    };
    extent size() const;
    void draw(const std::vector<std::string>& rows);
    /// Draws every row again next time.
    void forget() { shown_.clear(); }

    /// Around a stop of the program: the terminal as it was found, and as this needs it.
    void leave() noexcept;
    void enter() noexcept;
    bool has_keys() const noexcept { return has_keys_; }
    /// Whether all that was drawn could be written.
    bool is_there() const noexcept { return is_there_; }

private:
    void write(std::string_view text) noexcept;

    bool has_keys_ = false;
    bool is_there_ = true;
    bool entered_ = false;
    termios found_{};
    termios held_{};
    std::vector<std::string> shown_;
    extent drawn_{};
};

/// How text looks: nothing at all where the terminal takes no colour.
class paint {
public:
    explicit paint(bool colours) noexcept : colours_(colours) {}
    std::string bold(std::string_view text) const { return put("1", text); }
    std::string dim(std::string_view text) const { return put("2", text); }
    std::string turned(std::string_view text) const { return put("7", text); }
    /// `code`: of SGR, as "33".
    std::string put(std::string_view code, std::string_view text) const;

private:
    bool colours_;
};

}  // namespace aperto::cli
