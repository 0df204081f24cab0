// SPDX-License-Identifier: MIT
#include "aperto/cidr.hpp"

#include "aperto/error.hpp"
#include "core/i18n.hpp"
#include "core/log_safe.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace aperto {
namespace {

constexpr unsigned mapped_bits = 96;
/// As much of a text that cannot be understood as an error message shows.
constexpr std::size_t shown_max = 128;

[[noreturn]] void refuse(std::string_view text, std::string_view wrong) {
    throw error(errc::malformed, "understand the range of addresses", '"' + log_safe(text, shown_max) + '"',
                wrong);
}

std::optional<unsigned> parse_length(std::string_view text, unsigned most) noexcept {
    unsigned length = 0;
    const auto [stopped, failed] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (failed != std::errc{} || stopped != text.data() + text.size() || length > most) return std::nullopt;
    return length;
}

/// Which bits of byte number `index` are among the first `bits` of all.
std::uint8_t mask_of(std::size_t index, unsigned bits) noexcept {
    const auto before = static_cast<unsigned>(index) * 8;
    if (bits >= before + 8) return 0xFF;
    if (bits <= before) return 0;
    return static_cast<std::uint8_t>(0xFF00U >> (bits - before));
}

}  // namespace

cidr::cidr(const endpoint& first, unsigned bits) noexcept
    : first_(first), bits_(static_cast<std::uint8_t>(bits)) {}

cidr cidr::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::optional<endpoint> address = endpoint::from_address(text.substr(0, slash), 0);
    if (!address || text.find('%') != std::string_view::npos)
        refuse(text, N_("A range is an address and a length, like 192.0.2.0/24 or 2001:db8::/32."));
    const bool ipv4 = address->family() == AF_INET;
    const unsigned most = ipv4 ? 32 : 128;
    std::optional<unsigned> length = most;
    if (slash != std::string_view::npos) length = parse_length(text.substr(slash + 1), most);
    if (!length)
        refuse(text, ipv4 ? N_("The length of an IPv4 range is a number from 0 to 32.")
                          : N_("The length of an IPv6 range is a number from 0 to 128."));
    const cidr range(*address, *length + (ipv4 ? mapped_bits : 0));
    for (std::size_t i = 0; i < address->bytes().size(); ++i)
        if (address->bytes()[i] & ~mask_of(i, range.bits_))
            refuse(text,
                   N_("The address has bits set past the length: write the first address of the range."));
    return range;
}

bool cidr::contains(const endpoint& where) const noexcept {
    if (!where || where.family() != first_.family()) return false;
    for (std::size_t i = 0; i < where.bytes().size(); ++i)
        if ((first_.bytes()[i] ^ where.bytes()[i]) & mask_of(i, bits_)) return false;
    return true;
}

unsigned cidr::length() const noexcept { return bits_ - (first_.family() == AF_INET ? mapped_bits : 0); }

std::string cidr::to_string() const { return first_.address() + '/' + std::to_string(length()); }

bool any_contains(std::span<const cidr> ranges, const endpoint& where) noexcept {
    return std::any_of(ranges.begin(), ranges.end(), [&](const cidr& each) { return each.contains(where); });
}

}  // namespace aperto
