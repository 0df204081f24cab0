// SPDX-License-Identifier: MIT
#include "sim/faults.hpp"

#include "core/split_mix.hpp"

#include <algorithm>

namespace aperto::sim {

const std::array<fault_kind, fault_count>& fault_kinds() noexcept {
    static constexpr std::array<fault_kind, fault_count> kinds{{
        {"partial_receive", &faults::partial_receive, 0.5, false},
        {"short_send", &faults::short_send, 0.5, false},
        {"small_packet", &faults::small_packet, 0.3, false},
        {"not_at_once", &faults::not_at_once, 1, false},
        {"late_completion", &faults::late_completion, 0.7, false},
        {"lost_cancel", &faults::lost_cancel, 1, false},
        {"lost_packet", &faults::lost_packet, 0.2, false},
        {"accept_fails", &faults::accept_fails, 0.6, false},
        {"resolver_stall", &faults::resolver_stall, 0.1, false},
        {"interrupted", &faults::interrupted, 0.2, false},
        {"small_ring", &faults::small_ring, 1, false},
        {"old_kernel", &faults::old_kernel, 1, false},
        {"short_submit", &faults::short_submit, 0.4, false},
        {"multishot_ends", &faults::multishot_ends, 0.5, false},
        {"merged_wake", &faults::merged_wake, 1, false},
        {"double_completion", &faults::double_completion, 0.3, false},
        {"resolver_hang", &faults::resolver_hang, 0.1, true},
        {"refused", &faults::refused, 0.3, true},
        {"connect_fails", &faults::connect_fails, 0.3, true},
        {"send_fails", &faults::send_fails, 0.05, true},
        {"reset", &faults::reset, 0.1, true},
        {"silent_death", &faults::silent_death, 0.03, true},
        {"partition", &faults::partition, 0.05, true},
    }};
    static_assert(sizeof(faults) == fault_count * sizeof(double), "each fault has its row");
    return kinds;
}

faults faults::swarm(std::uint64_t seed, bool breaking) {
    split_mix chance(seed ^ 0x5357'4152'4D00'0000);
    // Half of the faults are absent, so that one never hides another; the rest come rarely or often.
    constexpr std::array<double, 4> shares{0.02, 0.1, 0.4, 1};
    faults drawn;
    for (const fault_kind& each : fault_kinds()) {
        if (each.breaking && !breaking) break;
        const std::uint64_t bits = chance();
        if (bits & 1) drawn.*each.share = each.most * shares[(bits >> 1) & 3];
    }
    return drawn;
}

std::size_t place_of(double faults::* share) noexcept {
    static const faults all;
    const auto* const first = reinterpret_cast<const std::byte*>(&all);
    const auto* const here = reinterpret_cast<const std::byte*>(&(all.*share));
    return static_cast<std::size_t>(here - first) / sizeof(double);
}

faults fewest(faults failing, const std::function<bool(const faults&)>& still_fails) {
    for (const fault_kind& each : fault_kinds()) {
        faults fewer = failing;
        fewer.*each.share = 0;
        if (failing.*each.share > 0 && still_fails(fewer)) failing = fewer;
    }
    return failing;
}

std::string names_of(const faults& which) {
    std::string names;
    for (const fault_kind& each : fault_kinds())
        if (which.*each.share > 0) names += (names.empty() ? "" : ",") + std::string(each.name);
    return names;
}

faults only(faults which, std::string_view names) {
    for (const fault_kind& each : fault_kinds()) {
        bool named = false;
        for (std::string_view left = names; !left.empty();) {
            const std::string_view word = left.substr(0, left.find(','));
            named = named || word == each.name;
            left.remove_prefix(std::min(left.size(), word.size() + 1));
        }
        if (!named) which.*each.share = 0;
    }
    return which;
}

}  // namespace aperto::sim
