// SPDX-License-Identifier: MIT
#include "lab/analysis/packet.hpp"

#include <algorithm>

namespace aperto::lab {

namespace {

void put16(bytes_span bytes, std::size_t at, std::uint32_t value) {
    bytes[at] = static_cast<std::uint8_t>((value >> 8U) & 0xffU);
    bytes[at + 1] = static_cast<std::uint8_t>(value & 0xffU);
}

std::vector<std::uint8_t> too_big_v4(bytes_view dropped, const packet& seen, std::uint32_t mtu) {
    // RFC 792: the IP header and the first 8 bytes of what it carries; that is enough to find the connection.
    const auto quoted = dropped.first(std::min<std::size_t>(seen.length, seen.ip_header + 8U));
    std::vector<std::uint8_t> out(28 + quoted.size());
    bytes_span bytes(out);
    bytes[0] = 0x45;
    put16(bytes, 2, static_cast<std::uint32_t>(out.size()));
    bytes[8] = 64;
    bytes[9] = 1;
    std::copy_n(seen.destination.bytes.begin(), 4, bytes.begin() + 12);
    std::copy_n(seen.source.bytes.begin(), 4, bytes.begin() + 16);
    put16(bytes, 10, internet_checksum(internet_sum(bytes.first(20))));
    bytes[20] = 3;
    bytes[21] = 4;
    put16(bytes, 26, mtu);
    std::copy(quoted.begin(), quoted.end(), bytes.begin() + 28);
    put16(bytes, 22, internet_checksum(internet_sum(bytes.subspan(20))));
    return out;
}

std::vector<std::uint8_t> too_big_v6(bytes_view dropped, const packet& seen, std::uint32_t mtu) {
    // RFC 4443: as much of the packet as fits into IPv6's smallest MTU.
    constexpr std::size_t mtu_min = 1280;
    const auto quoted = dropped.first(std::min<std::size_t>(seen.length, mtu_min - 48));
    std::vector<std::uint8_t> out(48 + quoted.size());
    bytes_span bytes(out);
    bytes[0] = 0x60;
    put16(bytes, 4, static_cast<std::uint32_t>(out.size() - 40));
    bytes[6] = 58;
    bytes[7] = 64;
    std::copy_n(seen.destination.bytes.begin(), 16, bytes.begin() + 8);
    std::copy_n(seen.source.bytes.begin(), 16, bytes.begin() + 24);
    bytes[40] = 2;
    put16(bytes, 44, mtu >> 16U);
    put16(bytes, 46, mtu & 0xffffU);
    std::copy(quoted.begin(), quoted.end(), bytes.begin() + 48);
    const auto pseudo = internet_sum(bytes.subspan(8, 32), (out.size() - 40) + 58);
    put16(bytes, 42, internet_checksum(internet_sum(bytes.subspan(40), pseudo)));
    return out;
}

}  // namespace

std::vector<std::uint8_t> too_big_message(bytes_view dropped, std::uint32_t mtu) {
    const auto seen = decode(dropped);
    if (!seen) {
        return {};
    }
    return seen->source.is_v6 ? too_big_v6(dropped, *seen, mtu) : too_big_v4(dropped, *seen, mtu);
}

}  // namespace aperto::lab
