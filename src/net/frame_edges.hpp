// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/framing.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace aperto {

/// What stands before and behind a message in its frame, for who sends the message from where it is.
class frame_edges {
public:
    /// Of a message of `size` bytes. Throws `error` as `append_frame`.
    frame_edges(framing which, std::size_t size);

    /// Good for as long as this.
    std::string_view before() const noexcept { return {header_.data(), header_size_}; }
    std::string_view after() const noexcept { return after_; }

private:
    std::array<char, 4> header_{};
    std::size_t header_size_ = 0;
    std::string_view after_;
};

}  // namespace aperto
