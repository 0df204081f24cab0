// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace aperto::lab {

using bytes_view = std::span<const std::uint8_t>;
using bytes_span = std::span<std::uint8_t>;

/// An IPv4 address (the first four bytes) or an IPv6 address.
struct ip_address {
    std::array<std::uint8_t, 16> bytes{};
    bool is_v6 = false;

    auto operator<=>(const ip_address&) const = default;
    std::string text() const;
};

/// The control bits of RFC 9293, section 3.1, where they stand in the 13th and 14th byte of the TCP header.
namespace tcp_flag {
inline constexpr std::uint16_t fin = 0x001;
inline constexpr std::uint16_t syn = 0x002;
inline constexpr std::uint16_t rst = 0x004;
inline constexpr std::uint16_t psh = 0x008;
inline constexpr std::uint16_t ack = 0x010;
inline constexpr std::uint16_t urg = 0x020;
inline constexpr std::uint16_t ece = 0x040;
inline constexpr std::uint16_t cwr = 0x080;
inline constexpr std::uint16_t ae = 0x100;
}  // namespace tcp_flag

/// "SYN", "SYN/ACK", "PSH ACK", … in the order people say them.
std::string flags_text(std::uint16_t flags);

struct sack_block {
    std::uint32_t left = 0;   ///< first byte held
    std::uint32_t right = 0;  ///< the byte after the last one held
};

/// The options of a TCP header that matter to the lesson (RFC 9293 3.1, RFC 7323, RFC 2018).
struct tcp_options {
    std::optional<std::uint16_t> mss;          ///< bytes
    std::optional<std::uint8_t> window_scale;  ///< a shift, as sent (may be above 14)
    bool sack_permitted = false;
    bool has_timestamps = false;
    std::uint32_t timestamp = 0;
    std::uint32_t timestamp_echo = 0;
    std::uint8_t sack_count = 0;
    std::array<sack_block, 4> sack{};
    bool malformed = false;  ///< a length that does not fit; what came before it is still here
};

/// What one IP packet says, read without trusting any length in it.
struct packet {
    ip_address source;
    ip_address destination;
    std::uint8_t protocol = 0;  ///< IANA: 1 ICMP, 6 TCP, 17 UDP, 58 ICMPv6
    std::uint8_t ttl = 0;
    std::uint8_t ecn = 0;   ///< 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE
    std::uint16_t id = 0;   ///< IPv4 identification
    bool fragment = false;  ///< a later fragment: it carries no transport header
    bool dont_fragment = false;
    std::uint32_t length = 0;     ///< bytes by the IP header
    std::uint32_t ip_header = 0;  ///< bytes, with IPv6's hop-by-hop options

    bool is_tcp = false;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgement = 0;
    std::uint16_t flags = 0;
    std::uint16_t window = 0;  ///< as on the wire, not scaled
    std::uint16_t checksum = 0;
    std::uint16_t urgent = 0;
    tcp_options options;
    std::uint32_t tcp_header = 0;  ///< bytes
    std::uint32_t payload = 0;     ///< bytes

    std::uint8_t icmp_type = 0;
    std::uint8_t icmp_code = 0;
    std::uint32_t icmp_mtu = 0;  ///< of "fragmentation needed" and "packet too big"; else 0

    bool has(std::uint16_t flag) const noexcept { return (flags & flag) != 0; }
    std::uint32_t payload_offset() const noexcept { return ip_header + tcp_header; }
};

/// Reads an IPv4 or IPv6 packet as it comes from a TUN device. Empty when it is not one, or is cut short of
/// its own headers. Never reads outside `bytes`; trailing bytes beyond the IP length are ignored.
std::optional<packet> decode(bytes_view bytes);

/// Whether the TCP checksum over header, payload and pseudo-header is right. `bytes` is what `seen` was read
/// from.
bool tcp_checksum_ok(bytes_view bytes, const packet& seen);

/// Sets the ECN field and, for IPv4, the header checksum that covers it.
void set_ecn(bytes_span bytes, std::uint8_t ecn);

/// The ICMP message with which a router says that `dropped` is larger than its next link takes: IPv4's type 3
/// code 4 (RFC 1191) or ICMPv6's type 2 (RFC 4443). It claims to come from the address `dropped` was sent to.
/// Empty when `dropped` is not an IP packet.
std::vector<std::uint8_t> too_big_message(bytes_view dropped, std::uint32_t mtu);

/// The one's complement sum of RFC 1071 over `bytes` as 16-bit big-endian words, added to `sum`; not yet
/// folded.
std::uint64_t internet_sum(bytes_view bytes, std::uint64_t sum = 0) noexcept;

/// Folds such a sum into the 16-bit Internet checksum: 0 over bytes that carry their own valid checksum.
std::uint16_t internet_checksum(std::uint64_t sum) noexcept;

}  // namespace aperto::lab
