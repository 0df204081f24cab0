// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/checksum.hpp"

#include <map>
#include <vector>

namespace aperto::lab {

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
