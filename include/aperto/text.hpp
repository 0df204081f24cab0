// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cxx20.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Capitals: the whole of Unicode, fast where text is plain.
///
///     aperto::to_upper("olá, straße")     // "OLÁ, STRASSE"
///
/// The mapping is Unicode's full upper case in the root locale with its unconditional special cases
/// (`ß` gives `SS`, `ŉ` gives `ʼN`, `ﬁ` gives `FI`, Greek iota subscripts become letters), the same as
/// Python's `str.upper()`. No language has rules of its own here: Turkish `i` gives `I`. The text may grow,
/// to at most three times its length. Source: Unicode Standard 3.13, rule R1 toUppercase, and
/// SpecialCasing.txt, as ICU knows them.
///
/// Text is UTF-8 (RFC 3629). A byte that belongs to no well-formed character passes unchanged.
namespace aperto {

/// The capitals of a whole text. Any thread. Throws only std::bad_alloc.
std::string to_upper(std::string_view text);

/// Appends the capitals of a whole text to `out`, so that many replies can be gathered in one buffer. `text`
/// must not be a part of `out`. Any thread. Throws only std::bad_alloc.
void to_upper(std::string_view text, std::string& out);

/// The capitals of a text that arrives in pieces, cut anywhere, also inside a character: whatever the cuts,
/// the same bytes come out as from the whole text.
///
///     aperto::upper_stream upper;
///     while (auto chunk = co_await peer.read_some()) {
///         upper.feed(*chunk, reply);
///         …
///     }
///     upper.finish(reply);
///
/// One object is one text. It holds back at most three bytes, and never allocates by itself; it is 32 bytes
/// large and may be copied. Not thread safe: one thread at a time.
class upper_stream {
public:
    /// Appends to `out` the capitals of what `chunk` completes. Holds back the beginning of a character that
    /// the end of `chunk` cuts. `chunk` must not be a part of `out`; it may be empty and is not kept.
    void feed(std::string_view chunk, std::string& out);

    /// The text has ended: appends the bytes held back, unchanged, and counts them as invalid, since no more
    /// input can make them a character. Feeding may go on afterwards; offsets go on counting.
    void finish(std::string& out);

    /// How many bytes so far belong to no well-formed character. Bytes held back are not counted yet.
    std::uint64_t invalid_bytes() const noexcept { return invalid_bytes_; }

    /// Where the first of them stands, in bytes from the beginning of the text; nothing while there is none.
    std::optional<std::uint64_t> first_invalid_offset() const noexcept {
        if (invalid_bytes_ == 0) return std::nullopt;
        return first_invalid_;
    }

    /// How many bytes are held back, 0 to 3: the beginning of a character whose rest has not come.
    std::size_t held_bytes() const noexcept { return held_size_; }

private:
    void convert(std::string_view text, std::string& out);
    std::size_t complete_held(std::string_view chunk, std::string& out);

    std::uint64_t offset_ = 0;  // of the next byte to convert, so of the first byte held back
    std::uint64_t invalid_bytes_ = 0;
    std::uint64_t first_invalid_ = 0;
    std::array<char, 3> held_{};
    std::uint8_t held_size_ = 0;
};

}  // namespace aperto
