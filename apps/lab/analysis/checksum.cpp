// SPDX-License-Identifier: MIT
#include "lab/analysis/checksum.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace aperto::lab {

std::uint64_t internet_sum(bytes_view bytes, std::uint64_t sum) noexcept {
    std::size_t at = 0;
    for (; at + 1 < bytes.size(); at += 2) {
        sum += (std::uint64_t{bytes[at]} << 8U) | bytes[at + 1];
    }
    if (at < bytes.size()) {
        sum += std::uint64_t{bytes[at]} << 8U;
    }
    return sum;
}

std::uint16_t internet_checksum(std::uint64_t sum) noexcept {
    while ((sum >> 16U) != 0) {
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(~sum & 0xffffU);
}

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

}  // namespace aperto::lab
