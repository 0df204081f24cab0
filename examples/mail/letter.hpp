// SPDX-License-Identifier: MIT
// What is said of a letter and what it is: addresses, its text, and where it is kept.
#pragma once

#include <aperto/aperto.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace mail {

using text = std::string_view;

// [path]
/// Takes "<box@domain>" off the front of `rest`: what stands between, without a source route, which is to be ignored
/// (RFC 5321, 4.1.2 and appendix C). None where it is no path.
inline std::optional<text> take_path(text& rest) {
    if (!rest.starts_with('<')) return {};
    bool quoted = false;
    std::size_t end = 1;
    for (; end < rest.size() && (quoted || rest[end] != '>'); ++end) {
        if (rest[end] == '"') quoted = !quoted;
        if (quoted && rest[end] == '\\') ++end;
    }
    if (end >= rest.size()) return {};
    text path = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (path.starts_with('@')) {
        const std::size_t colon = path.find(':');
        if (colon >= path.size() - 1) return {};
        path.remove_prefix(colon + 1);
    }
    return path;
}
// [/path]

inline bool is_one_of(char each, text others) {
    const char low = static_cast<char>(each | 0x20);
    const bool plain = (low >= 'a' && low <= 'z') || (each >= '0' && each <= '9') || (each & 0x80) != 0;
    return plain || others.find(each) != text::npos;
}

/// Words of such characters with a dot between them.
inline bool is_dotted(text what, text others) {
    char before = '.';
    for (const char each : what) {
        if (each == '.' ? before == '.' : !is_one_of(each, others)) return false;
        before = each;
    }
    return before != '.';
}

/// A name, or an address as in "[192.0.2.7]" (RFC 5321, 4.1.2 and 4.1.3).
inline bool is_domain(text what) {
    if (what.size() > 255) return false;
    if (!what.starts_with('[')) return is_dotted(what, "-");
    return what.size() > 2 && what.find(']') == what.size() - 1 &&
           is_dotted(what.substr(1, what.size() - 2), "-:");
}

inline bool is_quoted(text what) {
    if (what.size() < 2 || what.front() != '"' || what.back() != '"') return false;
    bool escaped = false;
    for (const char each : what.substr(1, what.size() - 2)) {
        if (each == '"' && !escaped) return false;
        escaped = each == '\\' && !escaped;
    }
    return !escaped;
}

inline bool is_mailbox(text what) {
    const std::size_t at = what.rfind('@');
    if (at == text::npos || at > 64) return false;
    const text box = what.substr(0, at);
    return is_domain(what.substr(at + 1)) && (is_quoted(box) || is_dotted(box, "!#$%&'*+-/=?^_`{|}~"));
}

// [text]
/// A letter's text as it comes, cut anywhere. CR LF, and that alone, ends a line; it is kept as a line feed. With
/// `dotted`, a dot that stands before others in a line goes, and one that stands alone ends the text (RFC 5321, 4.5.2).
/// A CR or an LF by itself is nobody's line end: whoever takes it for one can be talked into letters that
/// nobody sent.
class letter_text {
public:
    explicit letter_text(bool dotted) : dotted_(dotted) {}

    /// Gives how many bytes it has taken: all of them, but where the end came before.
    std::size_t take(text piece) {
        std::size_t at = 0;
        while (at < piece.size() && where_ != place::after_end) {
            if (where_ == place::in_line) at += take_run(piece.substr(at));
            if (at < piece.size()) at += take_one(piece[at]);
        }
        return at;
    }
    bool has_ended() const { return where_ == place::after_end; }
    /// There was a CR or an LF by itself.
    bool is_broken() const { return broken_; }
    /// There is no more of it: a last line without its end gets one.
    void finish() {
        broken_ |= where_ == place::after_cr;
        if (where_ == place::in_line) out += '\n';
    }
    std::size_t size() const {
        return size_;
    }  ///< bytes, as RFC 1870 counts them: with CR LF, without the dots that go
    std::string out;  ///< what is to be kept; whoever takes of it empties it

private:
    enum class place { line_begin, in_line, after_cr, after_dot, after_dot_cr, after_end };

    std::size_t take_run(text piece) {
        const std::size_t size = std::min(piece.find_first_of("\r\n"), piece.size());
        out.append(piece.substr(0, size));
        size_ += size;
        return size;
    }
    /// 0 where the byte is to be looked at again, in the place that it has led to.
    std::size_t take_one(char each) {
        const place before = where_;
        const bool after_cr = before == place::after_cr || before == place::after_dot_cr;
        where_ = place::in_line;
        if (after_cr && each == '\n') {
            if (before == place::after_cr) out += '\n', size_ += 2;
            where_ = before == place::after_cr ? place::line_begin : place::after_end;
        } else if (after_cr) {
            broken_ = true;
            return 0;
        } else if (each == '\r') {
            where_ = before == place::after_dot ? place::after_dot_cr : place::after_cr;
        } else if (each == '\n') {
            broken_ = true;
        } else if (each == '.' && dotted_ && before == place::line_begin) {
            where_ = place::after_dot;
        } else {
            out += each;
            ++size_;
        }
        return 1;
    }

    place where_ = place::line_begin;
    bool dotted_;
    bool broken_ = false;
    std::size_t size_ = 0;
};
// [/text]

// [box]
/// A letter on its way to where it is kept. Whoever lets go of it before `keep` has said yes has kept nothing.
class letter {
public:
    virtual ~letter() = default;
    virtual std::string id() const = 0;
    /// More of it.
    virtual aperto::task<std::error_code> write(std::string part) = 0;
    /// The last of it. No error: it is on the disk, and will be there after a power failure.
    virtual aperto::task<std::error_code> keep(std::string part) = 0;
};

/// Where letters are kept. Any worker's thread.
class box {
public:
    virtual ~box() = default;
    virtual std::unique_ptr<letter> begin() = 0;
};
// [/box]

}  // namespace mail
