// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace aperto::lab {

/// What a number is drawn for: each kind of fault has a stream of its own, so adding one changes no other.
enum class draw : std::uint8_t {
    loss = 1,
    burst_state,
    burst_loss,
    corrupt,
    corrupt_place,
    duplicate,
    reorder,
    jitter,
    jitter_second,
    ecn
};

/// Names one packet for the generator. The same packet of another run has the same key, whatever the timing.
struct draw_key {
    std::uint64_t seed = 0;
    std::uint8_t direction = 0;  ///< 0 from the client, 1 from the server
    std::uint32_t flow = 0;  ///< connections in the order they were first seen, from 1; 0 for other packets
    std::uint8_t stream =
        0;  ///< 0 packets that carry SYN, data, FIN or RST; 1 bare acknowledgements; 2 others
    std::uint64_t ordinal = 0;  ///< the how-manieth packet of that stream, from 1
};

/// 64 well-mixed bits that depend on the key and the kind alone: a counter-based generator, in the manner of
/// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), with SplitMix64's mixing function.
std::uint64_t random_bits(const draw_key& key, draw kind) noexcept;

/// The same as a number in [0, 1).
double random_unit(const draw_key& key, draw kind) noexcept;

}  // namespace aperto::lab
