// SPDX-License-Identifier: MIT
#include "lab/analysis/packet.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace aperto::lab {

std::uint64_t internet_sum(bytes_view bytes, std::uint64_t sum) noexcept {
    std::size_t at = 0;
    for (; at + 1 < bytes.size(); at += 2) {
        sum += (std::uint64_t{bytes[at]} << 8U) | bytes[at + 1];
    }
    if (at < bytes.size()) {
        sum += std::uint64_t{bytes[at]} << 8U;
    }
    return sum;
}

std::uint16_t internet_checksum(std::uint64_t sum) noexcept {
    while ((sum >> 16U) != 0) {
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(~sum & 0xffffU);
}

namespace {

constexpr std::uint8_t protocol_icmp = 1;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_icmpv6 = 58;
constexpr std::size_t tcp_header_min = 20;

std::uint16_t u16(bytes_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>((bytes[at] << 8U) | bytes[at + 1]);
}

std::uint32_t u32(bytes_view bytes, std::size_t at) {
    return (std::uint32_t{u16(bytes, at)} << 16U) | u16(bytes, at + 2);
}

void read_sack(bytes_view body, tcp_options& options) {
    options.sack_count =
        static_cast<std::uint8_t>(std::min<std::size_t>(body.size() / 8, options.sack.size()));
    for (std::size_t i = 0; i < options.sack_count; ++i) {
        options.sack[i] = {u32(body, 8 * i), u32(body, 8 * i + 4)};
    }
}

/// One option: `body` is what follows its kind and length. Lengths that the RFCs do not allow are ignored.
void read_option(std::uint8_t kind, bytes_view body, tcp_options& options) {
    if (kind == 2 && body.size() == 2) {
        options.mss = u16(body, 0);
    } else if (kind == 3 && body.size() == 1) {
        options.window_scale = body[0];
    } else if (kind == 4 && body.empty()) {
        options.sack_permitted = true;
    } else if (kind == 5 && body.size() % 8 == 0 && !body.empty()) {
        read_sack(body, options);
    } else if (kind == 8 && body.size() == 8) {
        options.has_timestamps = true;
        options.timestamp = u32(body, 0);
        options.timestamp_echo = u32(body, 4);
    }
}

tcp_options read_options(bytes_view bytes) {
    tcp_options options;
    std::size_t at = 0;
    while (at < bytes.size() && bytes[at] != 0) {
        if (bytes[at] == 1) {
            ++at;
            continue;
        }
        const std::size_t length = at + 1 < bytes.size() ? bytes[at + 1] : 0;
        if (length < 2 || at + length > bytes.size()) {
            options.malformed = true;
            break;
        }
        read_option(bytes[at], bytes.subspan(at + 2, length - 2), options);
        at += length;
    }
    return options;
}

bool read_tcp(bytes_view transport, packet& out) {
    if (transport.size() < tcp_header_min) {
        return false;
    }
    const std::size_t header = (transport[12] >> 4U) * std::size_t{4};
    if (header < tcp_header_min || header > transport.size()) {
        return false;
    }
    out.is_tcp = true;
    out.source_port = u16(transport, 0);
    out.destination_port = u16(transport, 2);
    out.sequence = u32(transport, 4);
    out.acknowledgement = u32(transport, 8);
    out.flags = static_cast<std::uint16_t>(u16(transport, 12) & 0x1ffU);
    out.window = u16(transport, 14);
    out.checksum = u16(transport, 16);
    out.urgent = u16(transport, 18);
    out.tcp_header = static_cast<std::uint32_t>(header);
    out.payload = static_cast<std::uint32_t>(transport.size() - header);
    out.options = read_options(transport.subspan(tcp_header_min, header - tcp_header_min));
    return true;
}

bool read_icmp(bytes_view transport, packet& out) {
    if (transport.size() < 8) {
        return false;
    }
    out.icmp_type = transport[0];
    out.icmp_code = transport[1];
    if (out.protocol == protocol_icmp && out.icmp_type == 3 && out.icmp_code == 4) {
        out.icmp_mtu = u16(transport, 6);
    } else if (out.protocol == protocol_icmpv6 && out.icmp_type == 2) {
        out.icmp_mtu = u32(transport, 4);
    }
    return true;
}

bool read_transport(bytes_view bytes, packet& out) {
    const auto transport = bytes.subspan(out.ip_header, out.length - out.ip_header);
    if (out.fragment) {
        return true;
    }
    if (out.protocol == protocol_tcp) {
        return read_tcp(transport, out);
    }
    if (out.protocol == protocol_icmp || out.protocol == protocol_icmpv6) {
        return read_icmp(transport, out);
    }
    return true;
}

bool read_ipv4(bytes_view bytes, packet& out) {
    if (bytes.size() < 20) {
        return false;
    }
    out.ip_header = (bytes[0] & 0x0fU) * 4U;
    out.length = u16(bytes, 2);
    if (out.ip_header < 20 || out.length < out.ip_header || out.length > bytes.size()) {
        return false;
    }
    out.ecn = bytes[1] & 3U;
    out.id = u16(bytes, 4);
    out.dont_fragment = (bytes[6] & 0x40U) != 0;
    out.fragment = (u16(bytes, 6) & 0x1fffU) != 0;
    out.ttl = bytes[8];
    out.protocol = bytes[9];
    std::copy_n(bytes.begin() + 12, 4, out.source.bytes.begin());
    std::copy_n(bytes.begin() + 16, 4, out.destination.bytes.begin());
    return read_transport(bytes, out);
}

bool read_ipv6(bytes_view bytes, packet& out) {
    if (bytes.size() < 40) {
        return false;
    }
    out.source.is_v6 = out.destination.is_v6 = true;
    out.ip_header = 40;
    out.length = 40U + u16(bytes, 4);
    if (out.length > bytes.size()) {
        return false;
    }
    out.ecn = static_cast<std::uint8_t>((bytes[1] >> 4U) & 3U);
    out.protocol = bytes[6];
    out.ttl = bytes[7];
    std::copy_n(bytes.begin() + 8, 16, out.source.bytes.begin());
    std::copy_n(bytes.begin() + 24, 16, out.destination.bytes.begin());
    constexpr std::uint8_t hop_by_hop = 0;
    if (out.protocol == hop_by_hop) {
        if (out.length < 48) {
            return false;
        }
        out.protocol = bytes[40];
        out.ip_header += 8U * (1U + bytes[41]);
        if (out.ip_header > out.length) {
            return false;
        }
    }
    return read_transport(bytes, out);
}

}  // namespace

std::optional<packet> decode(bytes_view bytes) {
    packet out;
    const auto version = bytes.empty() ? 0U : bytes[0] >> 4U;
    const bool read = version == 4 ? read_ipv4(bytes, out) : version == 6 && read_ipv6(bytes, out);
    return read ? std::optional(out) : std::nullopt;
}

bool tcp_checksum_ok(bytes_view bytes, const packet& seen) {
    const std::size_t address_size = seen.source.is_v6 ? 16 : 4;
    const auto transport = bytes.subspan(seen.ip_header, seen.length - seen.ip_header);
    auto sum = internet_sum({seen.source.bytes.data(), address_size});
    sum = internet_sum({seen.destination.bytes.data(), address_size}, sum);
    sum += transport.size() + protocol_tcp;
    return internet_checksum(internet_sum(transport, sum)) == 0;
}

void set_ecn(bytes_span bytes, std::uint8_t ecn) {
    if (bytes.size() >= 20 && bytes[0] >> 4U == 4) {
        const std::size_t header = (bytes[0] & 0x0fU) * std::size_t{4};
        if (header < 20 || header > bytes.size()) {
            return;
        }
        bytes[1] = static_cast<std::uint8_t>((bytes[1] & 0xfcU) | ecn);
        bytes[10] = bytes[11] = 0;
        const auto sum = internet_checksum(internet_sum(bytes.first(header)));
        bytes[10] = static_cast<std::uint8_t>(sum >> 8U);
        bytes[11] = static_cast<std::uint8_t>(sum & 0xffU);
    } else if (bytes.size() >= 40 && bytes[0] >> 4U == 6) {
        bytes[1] = static_cast<std::uint8_t>((bytes[1] & 0xcfU) | (unsigned{ecn} << 4U));
    }
}

std::string ip_address::text() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
    return text.data();
}

std::string flags_text(std::uint16_t flags) {
    struct name {
        std::uint16_t flag;
        const char* text;
    };
    constexpr std::array<name, 9> names{{{tcp_flag::syn, "SYN"},
                                         {tcp_flag::rst, "RST"},
                                         {tcp_flag::fin, "FIN"},
                                         {tcp_flag::psh, "PSH"},
                                         {tcp_flag::urg, "URG"},
                                         {tcp_flag::ece, "ECE"},
                                         {tcp_flag::cwr, "CWR"},
                                         {tcp_flag::ae, "AE"},
                                         {tcp_flag::ack, "ACK"}}};
    // The two bits of the handshake's second step are one word to people.
    constexpr auto both = static_cast<std::uint16_t>(tcp_flag::syn | tcp_flag::ack);
    std::string text;
    if ((flags & both) == both) {
        text = "SYN/ACK";
        flags = static_cast<std::uint16_t>(flags & ~both);
    }
    for (const auto& [flag, word] : names) {
        if ((flags & flag) != 0) {
            text += text.empty() ? "" : " ";
            text += word;
        }
    }
    return text.empty() ? "-" : text;
}

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
