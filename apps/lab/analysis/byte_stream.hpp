// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/packet.hpp"

#include <map>
#include <vector>

namespace aperto::lab {

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

/// Puts segments back into the byte stream they are cut from and keeps a digest of it: what a receiver does.
/// Positions are relative sequence numbers; the stream's first byte is number 1.
class byte_stream {
public:
    enum class placed { in_order, ahead, fills_gap, seen_before };

    /// Adds the bytes that begin at `position`. Bytes that were there already are not looked at again.
    placed add(std::uint64_t position, bytes_view bytes);

    /// The position of the first byte still missing.
    std::uint64_t next() const noexcept { return next_; }
    std::uint64_t bytes() const noexcept { return digest_.bytes(); }
    std::size_t waiting() const noexcept { return ahead_.size(); }  ///< pieces that wait for an earlier byte
    const stream_digest& digest() const noexcept { return digest_; }

private:
    bool known(std::uint64_t position, std::uint64_t end) const;
    void take_waiting();

    std::uint64_t next_ = 1;
    stream_digest digest_;
    std::map<std::uint64_t, std::vector<std::uint8_t>> ahead_;
};

}  // namespace aperto::lab
