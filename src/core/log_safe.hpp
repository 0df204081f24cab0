// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace aperto {

/// How many bytes of a peer's text a log line or a terminal line shows unless told otherwise: some lines of
/// prose, and no peer can flood the log with one message.
inline constexpr std::size_t log_safe_size_max = 1024;

/// Renders bytes that came from a peer so that a log or a terminal can show them: always one line, always
/// well-formed UTF-8, without anything that moves the cursor, changes colours or turns the writing direction.
///
///     log_safe("olá\033[2J\r\n")     gives the line     olá\x1B[2J\r\n     and clears nobody's screen
///
/// - printable characters of any script pass as they are; a backslash becomes `\\`, so the text can be read
///   back;
/// - `\t`, `\n`, `\r` by name; every other control of ASCII (and DEL) and every byte that is not UTF-8 as
///   `\xNN`;
/// - characters that a reader cannot see but a terminal obeys, as `\u{NNNN}`: controls U+0080 to U+009F, marks
///   that turn the writing direction (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+206F), line and
///   paragraph separators (U+2028, U+2029), the byte order mark (U+FEFF), annotation marks (U+FFF9 to U+FFFB),
///   tags (U+E0000 to U+E007F) and noncharacters.
///
/// Shows at most `size_max` bytes of the input, never part of a character, and then says how many bytes it
/// left out: `…(+1234 B)`. The result is at most 4 * size_max + 32 bytes long. See Unicode Technical Report
/// #36 and CVE-2021-42574 for the writing direction, ECMA-48 for the controls.
std::string log_safe(std::string_view bytes, std::size_t size_max = log_safe_size_max);

/// The same, appended to `out`.
void log_safe(std::string_view bytes, std::string& out, std::size_t size_max = log_safe_size_max);

}  // namespace aperto
