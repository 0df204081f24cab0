// SPDX-License-Identifier: MIT
#include "lab/checksum.hpp"

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

}  // namespace

void stream_digest::add(bytes_view bytes) noexcept {
    std::size_t at = 0;
    while (at < bytes.size() && count_ % 8 != 0) {
        tail_ |= std::uint64_t{bytes[at++]} << (8 * (count_ % 8));
        if (++count_ % 8 == 0) {
            state_ = mixed(state_, tail_);
            tail_ = 0;
        }
    }
    for (; at + 8 <= bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, 8);
        state_ = mixed(state_, word);
        count_ += 8;
    }
    for (; at < bytes.size(); ++at, ++count_) {
        tail_ |= std::uint64_t{bytes[at]} << (8 * (count_ % 8));
    }
}

std::uint64_t stream_digest::value() const noexcept {
    const auto value = mixed(mixed(state_, tail_), count_);
    return value ^ (value >> 32U);
}

std::string to_text(const stream_digest& digest) { return fmt::format("{:016x}", digest.value()); }

}  // namespace aperto::lab
