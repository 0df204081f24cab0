// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace aperto {

/// SplitMix64 (Steele, Lea and Flood, 2014): a small generator for jitter and choices, not for secrets. The
/// same seed gives the same numbers everywhere.
class split_mix {
public:
    explicit split_mix(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t operator()() noexcept {
        std::uint64_t mixed = state_ += 0x9E37'79B9'7F4A'7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58'476D'1CE4'E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D0'49BB'1331'11EB;
        return mixed ^ (mixed >> 31);
    }

private:
    std::uint64_t state_;
};

}  // namespace aperto
