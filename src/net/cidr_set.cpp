// SPDX-License-Identifier: MIT
#include "net/cidr_set.hpp"

#include <sys/socket.h>

#include <algorithm>

namespace aperto {

cidr_set::number cidr_set::number_of(const endpoint& where) noexcept {
    number of;
    for (std::size_t i = 0; i < 8; ++i) {
        of.high = of.high << 8 | where.bytes()[i];
        of.low = of.low << 8 | where.bytes()[i + 8];
    }
    return of;
}

/// All bits past the first `bits` of 128.
cidr_set::number cidr_set::ones_after(unsigned bits) noexcept {
    constexpr std::uint64_t all = ~std::uint64_t{0};
    return {.high = bits >= 64 ? 0 : all >> bits,
            .low = bits >= 128 ? 0
                   : bits > 64 ? all >> (bits - 64)
                               : all};
}

/// Nothing lies between them.
bool cidr_set::touches(const interval& earlier, const interval& later) noexcept {
    number next = earlier.last;
    if (++next.low == 0 && ++next.high == 0) return true;
    return later.first <= next;
}

void cidr_set::merge(std::vector<interval>& all) {
    std::sort(all.begin(), all.end(),
              [](const interval& one, const interval& other) { return one.first < other.first; });
    std::size_t kept = 0;
    for (const interval& next : all) {
        if (kept > 0 && touches(all[kept - 1], next))
            all[kept - 1].last = std::max(all[kept - 1].last, next.last);
        else
            all[kept++] = next;
    }
    all.resize(kept);
    all.shrink_to_fit();
}

cidr_set::cidr_set(std::span<const cidr> ranges) {
    for (const cidr& each : ranges) {
        const number first = number_of(each.first_);
        const number rest = ones_after(each.bits_);
        (each.first_.family() == AF_INET ? ipv4_ : ipv6_)
            .push_back({first, {.high = first.high | rest.high, .low = first.low | rest.low}});
    }
    merge(ipv4_);
    merge(ipv6_);
}

bool cidr_set::find(const endpoint& where) const noexcept {
    if (!where) return false;
    const std::vector<interval>& all = where.family() == AF_INET ? ipv4_ : ipv6_;
    const number which = number_of(where);
    const auto after =
        std::upper_bound(all.begin(), all.end(), which,
                         [](const number& one, const interval& other) { return one < other.first; });
    return after != all.begin() && which <= std::prev(after)->last;
}

}  // namespace aperto
