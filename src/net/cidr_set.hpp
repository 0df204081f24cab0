// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cidr.hpp"

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

namespace aperto {

/// Ranges of addresses, compiled to be asked often: sorted intervals that do not touch, 32 bytes each, found
/// by a binary search. Any thread, once made.
class cidr_set {
public:
    /// Throws std::bad_alloc.
    explicit cidr_set(std::span<const cidr> ranges);

    /// As `any_contains` of those ranges.
    bool contains(const endpoint& where) const noexcept { return !empty() && find(where); }
    bool empty() const noexcept { return ipv4_.empty() && ipv6_.empty(); }

private:
    bool find(const endpoint& where) const noexcept;
    /// The 16 bytes of an address, as a number.
    struct number {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        auto operator<=>(const number&) const = default;
    };
    struct interval {
        number first;
        number last;
    };
    static number number_of(const endpoint& where) noexcept;
    static number ones_after(unsigned bits) noexcept;
    static bool touches(const interval& earlier, const interval& later) noexcept;
    static void merge(std::vector<interval>& all);

    std::vector<interval> ipv4_;
    std::vector<interval> ipv6_;
};

}  // namespace aperto
