// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aperto::text {

/// Up to this many bytes of ASCII are converted without any call.
inline constexpr std::size_t short_size_max = 16;
/// Up to this many without the block kernels, whose start costs more than a line of text.
inline constexpr std::size_t medium_size_max = 256;

/// The bytes of a text that belong to no well-formed character.
struct invalid_tally {
    std::uint64_t bytes = 0;
    std::size_t first = 0;  ///< offset of the first of them; has a meaning only when there is one
};

/// Appends the capitals of `text` to `out` and counts what is not UTF-8; a character cut by the end counts.
/// Joins the block kernels, which take the plain stretches, with the table of what ICU says for
/// everything else.
invalid_tally upper_text(std::string_view text, std::string& out);

}  // namespace aperto::text
