// SPDX-License-Identifier: MIT
#include "lab/wire/random.hpp"

namespace aperto::lab {

namespace {

std::uint64_t mixed(std::uint64_t word) noexcept {
    word += 0x9e3779b97f4a7c15U;
    word = (word ^ (word >> 30U)) * 0xbf58476d1ce4e5b9U;
    word = (word ^ (word >> 27U)) * 0x94d049bb133111ebU;
    return word ^ (word >> 31U);
}

}  // namespace

std::uint64_t random_bits(const draw_key& key, draw kind) noexcept {
    const auto place = (std::uint64_t{key.flow} << 24U) | (std::uint64_t{key.direction} << 16U) |
                       (std::uint64_t{key.stream} << 8U) | static_cast<std::uint64_t>(kind);
    return mixed(mixed(mixed(key.seed) ^ place) ^ key.ordinal);
}

double random_unit(const draw_key& key, draw kind) noexcept {
    return static_cast<double>(random_bits(key, kind) >> 11U) * 0x1.0p-53;
}

}  // namespace aperto::lab
