// SPDX-License-Identifier: MIT
#include "aperto/tcp_facts.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <span>

namespace aperto {
namespace {

using packet_bytes = std::span<const std::uint8_t>;

std::uint16_t read_u16(packet_bytes bytes, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

/// What follows the IPv4 header (RFC 791, 3.1); empty where that is no TCP.
packet_bytes after_ipv4(packet_bytes packet) noexcept {
    constexpr std::size_t header_min = 20;
    constexpr std::uint16_t fragment_offset_mask = 0x1FFF;
    if (packet.size() < header_min) return {};
    const std::size_t header_size = (packet[0] & 0x0Fu) * 4u;
    if (header_size < header_min || header_size > packet.size() || packet[9] != IPPROTO_TCP) return {};
    // A later fragment has no TCP header; what stands there is somebody's payload.
    if (read_u16(packet, 6) & fragment_offset_mask) return {};
    return packet.subspan(header_size);
}

/// What follows the IPv6 header and its extension headers (RFC 8200, 4); empty where that is no TCP.
packet_bytes after_ipv6(packet_bytes packet) noexcept {
    constexpr std::size_t header_size = 40;
    constexpr std::size_t extension_min = 8;
    if (packet.size() < header_size) return {};
    std::uint8_t next = packet[6];
    packet = packet.subspan(header_size);
    while (next != IPPROTO_TCP) {
        if (packet.size() < extension_min) return {};
        std::size_t size = extension_min;
        switch (next) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
            size += packet[1] * 8u;
            break;
        case IPPROTO_AH:
            size += packet[1] * 4u;
            break;
        case IPPROTO_FRAGMENT:
            if (read_u16(packet, 2) >> 3) return {};
            break;
        default:
            return {};
        }
        if (size > packet.size()) return {};
        next = packet[0];
        packet = packet.subspan(size);
    }
    return packet;
}

/// The options of a TCP header (RFC 9293, 3.1). An option whose length cannot be ends them, as it does in the
/// kernel.
void read_options(packet_bytes options, syn_facts& facts) noexcept {
    enum option : std::uint8_t {
        end = 0,
        no_operation = 1,
        mss = 2,
        window_scale = 3,
        sack = 4,
        timestamps = 8
    };
    constexpr std::uint8_t window_scale_max = 14;  // RFC 7323, 2.3
    while (!options.empty() && options[0] != end) {
        if (options[0] == no_operation) {
            options = options.subspan(1);
            continue;
        }
        if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return;
        const packet_bytes each = options.first(options[1]);
        if (each[0] == mss && each.size() == 4) facts.mss = read_u16(each, 2);
        if (each[0] == window_scale && each.size() == 3)
            facts.window_scale = std::min(each[2], window_scale_max);
        if (each[0] == sack && each.size() == 2) facts.sack_permitted = true;
        if (each[0] == timestamps && each.size() == 10) facts.timestamps = true;
        options = options.subspan(each.size());
    }
}

}  // namespace

std::optional<syn_facts> decode_syn(const void* packet, std::size_t size) noexcept {
    constexpr std::size_t tcp_header_min = 20;
    enum flag : std::uint8_t { fin = 0x01, syn = 0x02, reset = 0x04 };
    if (size == 0) return std::nullopt;
    const packet_bytes bytes(static_cast<const std::uint8_t*>(packet), size);
    const unsigned version = bytes[0] >> 4;
    packet_bytes segment;
    if (version == 4) segment = after_ipv4(bytes);
    if (version == 6) segment = after_ipv6(bytes);
    if (segment.size() < tcp_header_min) return std::nullopt;
    const std::size_t header_size = (segment[12] >> 4) * 4u;
    if (header_size < tcp_header_min || header_size > segment.size()) return std::nullopt;
    if ((segment[13] & (fin | syn | reset)) != syn) return std::nullopt;
    syn_facts facts;
    facts.window = read_u16(segment, 14);
    read_options(segment.subspan(tcp_header_min, header_size - tcp_header_min), facts);
    return facts;
}

}  // namespace aperto
