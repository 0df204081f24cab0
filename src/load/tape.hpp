// SPDX-License-Identifier: MIT
#pragma once

#include "load/plan.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aperto::load {

/// What is said and what must come back, made once: a loop of framed messages of lower-case text, all
/// different where the tape is long enough, and the same loop as the replies have to be.
///
/// A stream that began at message k is the tape read from k's place on, round and round. So a request is sent
/// from the tape without a copy and a reply is compared against it with memcmp, however the network cuts it.
class tape {
public:
    tape(framing how, std::uint64_t size, expectation expect);

    /// Bytes of one message on the wire, framing included.
    std::uint64_t message_size() const noexcept { return message_size_; }
    /// Bytes after which the tape begins again.
    std::size_t length() const noexcept { return length_; }
    /// Where message `number` begins.
    std::size_t place_of(std::uint64_t number) const noexcept;
    /// `place` advanced by `bytes`.
    std::size_t advance(std::size_t place, std::size_t bytes) const noexcept {
        return (place + bytes) % length_;
    }

    /// The next bytes to send from `place` on: `length()` of them.
    std::string_view requests_from(std::size_t place) const noexcept { return view(requests_, place); }
    /// The next bytes to come back from `place` on: `length()` of them.
    std::string_view replies_from(std::size_t place) const noexcept { return view(replies_, place); }

private:
    std::string_view view(const std::string& twice, std::size_t place) const noexcept {
        return std::string_view(twice).substr(place, length_);
    }

    std::uint64_t message_size_ = 0;
    std::size_t length_ = 0;
    std::size_t message_count_ = 0;  // on the tape
    std::string requests_;           // the loop twice, so that a view never wraps
    std::string replies_;
};

}  // namespace aperto::load
