// SPDX-License-Identifier: MIT
#include "aperto/sim.hpp"
#include "core/split_mix.hpp"

#include <array>

namespace aperto::sim {

faults faults::swarm(std::uint64_t seed, bool breaking) {
    split_mix chance(seed ^ 0x5357'4152'4D00'0000);
    // Half of the faults are absent, so that one never hides another; the rest come rarely or often.
    const auto draw = [&chance](double most) {
        constexpr std::array<double, 4> shares{0.02, 0.1, 0.4, 1};
        const std::uint64_t bits = chance();
        return bits & 1 ? most * shares[(bits >> 1) & 3] : 0.0;
    };
    faults drawn;
    drawn.partial_receive = draw(0.5);
    drawn.short_send = draw(0.5);
    drawn.small_packet = draw(0.3);
    drawn.not_at_once = draw(1);
    drawn.late_completion = draw(0.7);
    drawn.lost_cancel = draw(1);
    drawn.lost_packet = draw(0.2);
    drawn.accept_fails = draw(0.6);
    drawn.resolver_stall = draw(0.1);
    drawn.interrupted = draw(0.2);
    drawn.small_ring = draw(1);
    drawn.old_kernel = draw(1);
    drawn.short_submit = draw(0.4);
    drawn.multishot_ends = draw(0.5);
    drawn.merged_wake = draw(1);
    drawn.double_completion = draw(0.3);
    if (!breaking) return drawn;
    drawn.resolver_hang = draw(0.1);
    drawn.refused = draw(0.3);
    drawn.connect_fails = draw(0.3);
    drawn.send_fails = draw(0.05);
    drawn.reset = draw(0.1);
    drawn.silent_death = draw(0.03);
    drawn.partition = draw(0.05);
    return drawn;
}

}  // namespace aperto::sim
