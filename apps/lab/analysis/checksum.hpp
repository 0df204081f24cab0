// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace aperto::lab {

using bytes_view = std::span<const std::uint8_t>;
using bytes_span = std::span<std::uint8_t>;

/// The one's complement sum of RFC 1071 over `bytes` as 16-bit big-endian words, added to `sum`; not yet
/// folded.
std::uint64_t internet_sum(bytes_view bytes, std::uint64_t sum = 0) noexcept;

/// Folds such a sum into the 16-bit Internet checksum: 0 over bytes that carry their own valid checksum.
std::uint16_t internet_checksum(std::uint64_t sum) noexcept;

/// A running 64-bit digest of a byte stream: the same bytes give the same digest however they were cut.
/// It tells accidents apart (loss, damage, repetition), not attackers. The stream's words go round four
/// lanes, so that a processor multiplies four at a time.
class stream_digest {
public:
    void add(bytes_view bytes) noexcept;
    std::uint64_t value() const noexcept;
    std::uint64_t bytes() const noexcept { return count_; }
    bool operator==(const stream_digest& other) const noexcept {
        return count_ == other.count_ && value() == other.value();
    }

private:
    void add_word(std::uint64_t number, std::uint64_t word) noexcept;

    static constexpr std::size_t lane_count = 4;
    std::array<std::uint64_t, lane_count> lanes_{0x9e3779b97f4a7c15U, 0xbf58476d1ce4e5b9U,
                                                 0x94d049bb133111ebU, 0xd6e8feb86659fd93U};
    std::uint64_t tail_ = 0;  ///< the bytes after the last whole word
    std::uint64_t count_ = 0;
};

/// The digest as 16 hexadecimal digits.
std::string to_text(const stream_digest& digest);

}  // namespace aperto::lab
