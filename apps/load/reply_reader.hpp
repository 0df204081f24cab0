// SPDX-License-Identifier: MIT
#pragma once

#include "load/plan.hpp"
#include "load/tape.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace aperto::load {

/// A reply that is not what it has to be.
struct difference {
    std::uint64_t offset = 0;    ///< bytes of the reply stream before it
    unsigned char expected = 0;  ///< where it was not `unasked`
    unsigned char got = 0;
    bool unasked = false;  ///< bytes came that nothing was sent for; `expected` then says nothing
};

/// Follows the replies of one connection: compares every byte, and tells how many whole replies have come.
class reply_reader {
public:
    /// A connection begins whose first reply is at this place of the loop of replies.
    void begin(std::size_t place) noexcept { *this = reply_reader(place); }
    explicit reply_reader(std::size_t place = 0) noexcept : place_(place) {}

    /// Compares `bytes` with the replies. `most`: bytes that can have come on this connection, with these.
    std::optional<difference> compare(std::string_view bytes, const message_loop& against,
                                      std::uint64_t most) noexcept;
    /// Counts `bytes`, whatever they are. `most` as before.
    std::optional<difference> measure(std::string_view bytes, std::uint64_t most) noexcept;

    /// Bytes that have come on this connection.
    std::uint64_t received() const noexcept { return received_; }

    /// For replies that are not compared: how many of them `bytes` completes. Framing stream: one.
    std::size_t count(std::string_view bytes, framing how) noexcept;

private:
    std::size_t count_framed(std::string_view bytes) noexcept;

    std::size_t place_;
    std::uint64_t received_ = 0;
    std::uint64_t body_left_ = 0;
    std::uint32_t header_ = 0;
    std::uint8_t header_bytes_ = 0;
};

}  // namespace aperto::load
