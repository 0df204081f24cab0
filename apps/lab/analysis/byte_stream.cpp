// SPDX-License-Identifier: MIT
#include "lab/analysis/byte_stream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace aperto::lab {

namespace {

std::uint64_t mixed(std::uint64_t state, std::uint64_t word) noexcept {
    state = (state ^ word) * 0xff51afd7ed558ccdU;
    return std::rotl(state, 29) + 0x52dce729U;
}

std::uint64_t word_at(bytes_view bytes, std::size_t at) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    return word;
}

}  // namespace

void stream_digest::add_word(std::uint64_t number, std::uint64_t word) noexcept {
    auto& lane = lanes_[number % lane_count];
    lane = mixed(lane, word);
}

void stream_digest::add(bytes_view bytes) noexcept {
    std::size_t at = 0;
    for (; at < bytes.size() && count_ % 8 != 0; ++at) {
        tail_ |= std::uint64_t{bytes[at]} << (8 * (count_ % 8));
        if (++count_ % 8 == 0) {
            add_word(count_ / 8 - 1, tail_);
            tail_ = 0;
        }
    }
    constexpr std::size_t lap = 8 * lane_count;
    const auto one_word = [&] {
        add_word(count_ / 8, word_at(bytes, at));
        count_ += 8;
        at += 8;
    };
    while (at + 8 <= bytes.size() && count_ % lap != 0) {
        one_word();
    }
    const auto laps = (bytes.size() - at) / lap;
    auto [first, second, third, fourth] = lanes_;  // in registers: as members each would be stored every time
    for (std::size_t i = 0; i < laps; ++i, at += lap) {
        first = mixed(first, word_at(bytes, at));
        second = mixed(second, word_at(bytes, at + 8));
        third = mixed(third, word_at(bytes, at + 16));
        fourth = mixed(fourth, word_at(bytes, at + 24));
    }
    lanes_ = {first, second, third, fourth};
    count_ += laps * lap;
    while (at + 8 <= bytes.size()) {
        one_word();
    }
    for (; at < bytes.size(); ++at, ++count_) {
        tail_ |= std::uint64_t{bytes[at]} << (8 * (count_ % 8));
    }
}

std::uint64_t stream_digest::value() const noexcept {
    auto value = tail_;
    for (const auto lane : lanes_) {
        value = mixed(value, lane);
    }
    value = mixed(value, count_);
    return value ^ (value >> 32U);
}

std::string to_text(const stream_digest& digest) { return fmt::format("{:016x}", digest.value()); }

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
