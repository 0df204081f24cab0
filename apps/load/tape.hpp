// SPDX-License-Identifier: MIT
#pragma once

#include "load/plan.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aperto::load {

/// Messages one after the other, round and round, in memory. A place on it is an offset into the round.
class message_loop {
public:
    message_loop() = default;
    /// `round`: whole messages of `unit` bytes each.
    message_loop(const std::string& round, std::size_t unit);

    /// Bytes after which it begins again.
    std::size_t length() const noexcept { return length_; }
    /// Where message `number` begins.
    std::size_t place_of(std::uint64_t number) const noexcept {
        return static_cast<std::size_t>(number % (length_ / unit_)) * unit_;
    }
    /// `place` advanced by `bytes`.
    std::size_t advance(std::size_t place, std::size_t bytes) const noexcept {
        return (place + bytes) % length_;
    }
    /// The bytes from `place` on: `length()` of them.
    std::string_view from(std::size_t place) const noexcept {
        return std::string_view(twice_).substr(place, length_);
    }

private:
    std::string twice_ = std::string(2, '\0');  // so that a view never wraps
    std::size_t length_ = 1;
    std::size_t unit_ = 1;
};

/// What is said and what must come back, made once: a loop of requests, either framed messages of lower-case
/// text, all different where the tape is long enough, or one text that was given, and the loop of the replies
/// to them.
///
/// A stream that began at message k is the loop read from k's place on. So a request is sent from the tape
/// without a copy and a reply is compared against it with memcmp, however the network cuts it.
class tape {
public:
    explicit tape(const plan& what);

    const message_loop& requests() const noexcept { return requests_; }
    /// Of no use where nothing is compared.
    const message_loop& replies() const noexcept { return replies_; }

    /// Bytes of one request on the wire, framing included.
    std::uint64_t request_size() const noexcept { return request_size_; }
    /// Bytes of the reply to it; 0 where they are not known beforehand.
    std::uint64_t reply_size() const noexcept { return reply_size_; }
    /// How many bytes can have come back, once so many were sent.
    std::uint64_t replies_to(std::uint64_t sent) const noexcept {
        if (byte_for_byte_) return sent;
        return (sent + request_size_ - 1) / request_size_ * reply_size_;
    }

private:
    void make_messages(framing how, std::size_t size, expectation expect);

    message_loop requests_;
    message_loop replies_;
    std::uint64_t request_size_ = 0;
    std::uint64_t reply_size_ = 0;
    bool byte_for_byte_ = false;  // each byte of a request may be answered as it comes
};

}  // namespace aperto::load
