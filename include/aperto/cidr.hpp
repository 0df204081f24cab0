// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace aperto {

/// A range of addresses that share their first bits: "192.0.2.0/24", "2001:db8::/32" (RFC 4632, RFC
/// 4291 2.3).
///
///     options.deny = {aperto::cidr::parse("203.0.113.0/24")};
class cidr {
public:
    /// An address, IPv4 or IPv6, and how many of its bits count; without a length: that address alone. Bits
    /// past the length must be zero, so that a slip of the hand is not taken for a range. Throws `error`
    /// (`errc::malformed`) that says what is wrong.
    static cidr parse(std::string_view text);

    /// Whether the address of `where` is in the range. IPv4 and IPv6 never match each other, but for an IPv4
    /// address mapped into IPv6 (RFC 4291 2.5.5.2), which is that IPv4 address.
    bool contains(const endpoint& where) const noexcept;

    /// Bits that count: 0 to 32 for IPv4, to 128 for IPv6.
    unsigned length() const noexcept;
    /// "192.0.2.0/24", as `parse` takes it.
    std::string to_string() const;

    bool operator==(const cidr&) const = default;

private:
    friend class cidr_set;
    cidr(const endpoint& first, unsigned bits) noexcept;
    endpoint first_;
    std::uint8_t bits_;  ///< of the 16 bytes of endpoint::bytes
};

/// Whether any of `ranges` has the address.
bool any_contains(std::span<const cidr> ranges, const endpoint& where) noexcept;

}  // namespace aperto
