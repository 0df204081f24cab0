// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "aperto/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace aperto {

/// Whom a limit per address counts as one: an IPv4 address, or the first 64 bits of an IPv6 address, since
/// each customer gets at least so many (RFC 6177) and could otherwise come from a new address each time.
struct source_key {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    static source_key of(const endpoint& who) noexcept;
    bool operator==(const source_key&) const = default;

    /// Seeded, so that who connects cannot choose where it lands.
    struct hash {
        std::uint64_t seed;
        std::size_t operator()(const source_key& key) const noexcept;
    };
};

/// Accepts a second, per address: a token bucket that holds a second's worth. Its memory is fixed, 512 KiB;
/// when more addresses come at once than it can tell apart, the one with the fullest bucket is forgotten,
/// which costs its limit the least. Not thread safe.
class accept_pace {
public:
    /// `seed`: of the hash by which addresses are found.
    accept_pace(double per_second, std::uint64_t seed);
    /// Takes a token; false where there is none.
    bool take(const source_key& who, time_point now) noexcept;

private:
    struct bucket {
        source_key who;
        double tokens = -1;  ///< less than none: nobody's bucket
        time_point filled{};
    };
    static constexpr std::size_t ways = 4;
    static constexpr std::size_t sets = 4096;

    double tokens_at(const bucket& of, time_point now) const noexcept;

    source_key::hash hash_;
    double per_second_;
    double tokens_max_;
    std::vector<std::array<bucket, ways>> sets_;
};

}  // namespace aperto
