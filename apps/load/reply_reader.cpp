// SPDX-License-Identifier: MIT
#include "load/reply_reader.hpp"

#include <algorithm>
#include <cstring>

namespace aperto::load {
namespace {

constexpr std::uint8_t header_size = 4;

difference locate(std::string_view got, std::string_view expected, std::uint64_t offset) noexcept {
    const auto [ours, theirs] = std::mismatch(got.begin(), got.end(), expected.begin());
    return {.offset = offset + static_cast<std::uint64_t>(ours - got.begin()),
            .expected = static_cast<unsigned char>(*theirs),
            .got = static_cast<unsigned char>(*ours)};
}

}  // namespace

std::optional<difference> reply_reader::measure(std::string_view bytes, std::uint64_t most) noexcept {
    if (received_ + bytes.size() > most) {
        return difference{
            .offset = most,
            .got = static_cast<unsigned char>(bytes[static_cast<std::size_t>(most - received_)]),
            .unasked = true};
    }
    received_ += bytes.size();
    return std::nullopt;
}

std::optional<difference> reply_reader::compare(std::string_view bytes, const message_loop& against,
                                                std::uint64_t most) noexcept {
    const std::uint64_t before = received_;
    if (auto unasked = measure(bytes, most)) return unasked;
    received_ = before;
    while (!bytes.empty()) {
        const std::string_view expected = against.from(place_).substr(0, bytes.size());
        if (std::memcmp(bytes.data(), expected.data(), expected.size()) != 0) {
            return locate(bytes.substr(0, expected.size()), expected, received_);
        }
        received_ += expected.size();
        place_ = against.advance(place_, expected.size());
        bytes.remove_prefix(expected.size());
    }
    return std::nullopt;
}

std::size_t reply_reader::count(std::string_view bytes, framing how) noexcept {
    received_ += bytes.size();
    switch (how) {
    case framing::stream:
        return 1;
    case framing::line:
        return static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
    case framing::length:
        return count_framed(bytes);
    }
    return 0;
}

std::size_t reply_reader::count_framed(std::string_view bytes) noexcept {
    std::size_t whole = 0;
    while (!bytes.empty()) {
        if (header_bytes_ < header_size) {
            header_ = header_ << 8 | static_cast<unsigned char>(bytes.front());
            bytes.remove_prefix(1);
            if (++header_bytes_ < header_size) continue;
            body_left_ = header_;
        }
        const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, bytes.size()));
        body_left_ -= step;
        bytes.remove_prefix(step);
        if (body_left_ == 0) {
            ++whole;
            header_bytes_ = 0;
        }
    }
    return whole;
}

}  // namespace aperto::load
