// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cxx20.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aperto {

/// Where a message ends. TCP carries a stream of bytes and knows no messages (RFC 9293, 3.7): a framing draws
/// the line.
enum class framing : std::uint8_t {
    stream,  ///< what has arrived, not cutting a UTF-8 character in two whose rest is there in 50 ms
    line,    ///< up to a line feed, which is not part of the message, nor is a carriage return before it
    length,  ///< a 32-bit big-endian length, then so many bytes
    raw,     ///< what has arrived, any bytes: for what is no text
};
/// "stream", "line", "length", "raw".
std::string_view to_string(framing which) noexcept;
/// "stream", "line", "length", "raw"; empty for anything else.
std::optional<framing> framing_from_string(std::string_view name) noexcept;

/// Whether messages have an end of their own; in the other framings only the end of the stream is one.
constexpr bool is_delimited(framing which) noexcept {
    return which == framing::line || which == framing::length;
}

/// How long the beginning of a UTF-8 character is held back in framing `stream` for the rest of it. Then it
/// is handed out as the bytes it is: what comes late is no text, or no single write.
inline constexpr std::chrono::milliseconds character_wait{50};

/// Bytes before the payload in framing `length`.
inline constexpr std::size_t length_header_size = 4;
/// The largest message that framing `length` can announce.
inline constexpr std::uint64_t length_max = 0xFFFF'FFFF;

/// What stands at the front of received bytes.
struct frame {
    /// What was found.
    enum class state : std::uint8_t {
        incomplete,  ///< more bytes are needed; `needed` says how many in all, where that is known
        complete,    ///< `message` is whole, and `consumed` bytes are its frame
        too_large,   ///< larger than the limit: seen from the length, or from as many bytes without an end
        malformed,   ///< not of the protocol, whatever follows: a finder's of one's own
    };
    state what = state::incomplete;  ///< what was found
    std::string_view message{};      ///< the payload, a part of the bytes that were given
    std::size_t consumed = 0;        ///< bytes of the input that the frame takes
    std::uint64_t needed = 0;  ///< incomplete: bytes in all, 0 where unknown; too_large: what was announced
    bool carriage_return = false;  ///< framing line: the line ended in CR LF
};

/// Finds the first frame of `bytes`. `ended`: the stream ends after them, so what is left is the last message
/// (framing stream: even a cut character, so it serves, too, where the wait for its rest is over; line: a
/// last line without its line feed; length: an incomplete frame stays incomplete, it was cut short).
/// `scanned`: so many bytes are known to hold no end of line. `message_max` in bytes, of payload. Pure: no
/// state, no allocation, any bytes.
frame find_frame(framing which, std::string_view bytes, std::size_t message_max, bool ended,
                 std::size_t scanned = 0) noexcept;

/// A framing of one's own: finds the first frame of `bytes`, of which there is at least one. Pure, as
/// `find_frame`. It is called when more has come, with all bytes from the frame's first one on; an
/// `incomplete` that tells what is `needed` spares the calls until so many are there (without it, a peer that
/// sends byte by byte has each of them searched again). `ended`: nothing will follow; a frame that is still
/// incomplete was cut short. A whole frame, with what stands before and after its message, is at most
/// `message_max` bytes long; `complete` takes at least one byte, and no more than there are.
///
///     aperto::frame two_bytes_of_size(std::string_view bytes, std::size_t, bool) noexcept;
using frame_finder = frame (*)(std::string_view bytes, std::size_t message_max, bool ended) noexcept;

/// What ends a line.
enum class line_end : std::uint8_t {
    any,   ///< LF, or CR LF
    crlf,  ///< CR LF alone: where a protocol says so, a bare LF is a byte of the line (RFC 5321, 2.3.8)
};
/// As `find_frame` with framing `line`, for either end.
frame find_line(line_end which, std::string_view bytes, std::size_t message_max, bool ended,
                std::size_t scanned = 0) noexcept;

/// Appends `message` framed. Framing `length` takes at most `length_max` bytes; throws `error`
/// (`message_too_large`).
void append_frame(framing which, std::string_view message, std::string& out, bool carriage_return = false);

/// The same for a payload that is built in place: `begin_frame` makes room for what stands before it and says
/// where, the payload is appended, `end_frame` completes the frame. Throws as `append_frame`.
std::size_t begin_frame(framing which, std::string& out);
/// `begin`: as `begin_frame` gave it.
void end_frame(framing which, std::size_t begin, std::string& out, bool carriage_return = false);

}  // namespace aperto
