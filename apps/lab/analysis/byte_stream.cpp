// SPDX-License-Identifier: MIT
#include "lab/analysis/byte_stream.hpp"

#include <algorithm>

namespace aperto::lab {

bool byte_stream::known(std::uint64_t position, std::uint64_t end) const {
    for (auto piece = ahead_.begin(); piece != ahead_.end() && piece->first <= position; ++piece) {
        position = std::max(position, piece->first + piece->second.size());
    }
    return position >= end;
}

byte_stream::placed byte_stream::add(std::uint64_t position, bytes_view bytes) {
    const auto end = position + bytes.size();
    if (end <= next_ || bytes.empty()) {
        return placed::seen_before;
    }
    if (position > next_) {
        // A receiver's window bounds what a sender may have in flight; this bounds what we keep of it.
        constexpr std::size_t pieces_max = 65'536;
        if (known(position, end)) {
            return placed::seen_before;
        }
        auto& piece = ahead_[position];
        if (ahead_.size() <= pieces_max && piece.size() < bytes.size()) {
            piece.assign(bytes.begin(), bytes.end());
        }
        return placed::ahead;
    }
    const bool filled = !ahead_.empty();
    const auto fresh = bytes.subspan(next_ - position);
    digest_.add(fresh);
    next_ += fresh.size();
    take_waiting();
    return filled ? placed::fills_gap : placed::in_order;
}

void byte_stream::take_waiting() {
    while (!ahead_.empty() && ahead_.begin()->first <= next_) {
        const auto& [position, piece] = *ahead_.begin();
        if (position + piece.size() > next_) {
            const auto fresh = bytes_view(piece).subspan(next_ - position);
            digest_.add(fresh);
            next_ += fresh.size();
        }
        ahead_.erase(ahead_.begin());
    }
}

}  // namespace aperto::lab
