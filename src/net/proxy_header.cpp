// SPDX-License-Identifier: MIT
#include "net/proxy_header.hpp"

#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>

namespace aperto {
namespace {

using state = proxy_header::state;

// Section and field names as in proxy-protocol.txt.
constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t front_size = 16;  ///< signature, version and command, family and protocol, length
constexpr std::string_view version_1 = "PROXY ";
constexpr std::size_t line_max = 107;  ///< of version 1, CR LF too
constexpr std::size_t unix_name_size = 108;
enum : std::uint8_t { tcp_over_ipv4 = 0x11, tcp_over_ipv6 = 0x21, unix_stream = 0x31 };
enum : std::uint8_t { command_local = 0x20, command_proxy = 0x21 };

std::uint8_t byte(std::string_view bytes, std::size_t at) noexcept {
    return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t number_16(std::string_view bytes, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(byte(bytes, at) << 8 | byte(bytes, at + 1));
}

std::uint32_t number_32(std::string_view bytes, std::size_t at) noexcept {
    return std::uint32_t{number_16(bytes, at)} << 16 | number_16(bytes, at + 2);
}

// ---- version 1

/// Takes the word before the next blank off the front of `line`.
std::string_view take_word(std::string_view& line) noexcept {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

std::optional<std::uint16_t> port_of(std::string_view text) noexcept {
    std::uint16_t port = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool whole = failed == std::errc() && end == text.data() + text.size();
    const bool has_leading_zero = text.size() > 1 && text.front() == '0';
    if (!whole || has_leading_zero) return {};
    return port;
}

std::optional<endpoint> address_of(std::string_view text, std::string_view port, int family) {
    const auto number = port_of(port);
    const bool has_zone = text.find('%') != std::string_view::npos;
    if (!number || has_zone) return {};
    auto where = endpoint::from_address(text, *number);
    const bool looks_right = (text.find(':') == std::string_view::npos) == (family == AF_INET);
    return where && looks_right ? where : std::nullopt;
}

bool read_line(std::string_view line, proxy_facts& into) {
    line.remove_prefix(version_1.size());
    const std::string_view family = take_word(line);
    if (family == "UNKNOWN") return true;  // whatever follows is to be ignored
    if (family != "TCP4" && family != "TCP6") return false;
    std::array<std::string_view, 4> words;
    if (std::count(line.begin(), line.end(), ' ') != std::ssize(words) - 1) return false;
    for (std::string_view& each : words)
        each = take_word(line);
    const int wanted = family == "TCP4" ? AF_INET : AF_INET6;
    const auto source = address_of(words[0], words[2], wanted);
    const auto destination = address_of(words[1], words[3], wanted);
    if (!source || !destination) return false;
    into.source = *source;
    into.destination = *destination;
    return true;
}

proxy_header read_version_1(std::string_view bytes) {
    proxy_header header;
    header.facts.version = 1;
    const std::string_view front = bytes.substr(0, line_max);
    const std::size_t end = front.find("\r\n");
    if (end == std::string_view::npos) {
        if (bytes.size() >= line_max) header.what = state::malformed;
        return header;
    }
    header.size = end + 2;
    header.what = read_line(front.substr(0, end), header.facts) ? state::complete : state::malformed;
    return header;
}

// ---- version 2

endpoint ip_endpoint(std::string_view address, std::uint16_t port) {
    sockaddr_storage raw{};
    if (address.size() == sizeof(in_addr)) {
        auto& ipv4 = reinterpret_cast<sockaddr_in&>(raw);
        ipv4.sin_family = AF_INET;
        ipv4.sin_port = htons(port);
        std::memcpy(&ipv4.sin_addr, address.data(), address.size());
    } else {
        auto& ipv6 = reinterpret_cast<sockaddr_in6&>(raw);
        ipv6.sin6_family = AF_INET6;
        ipv6.sin6_port = htons(port);
        std::memcpy(&ipv6.sin6_addr, address.data(), address.size());
    }
    return endpoint::from_sockaddr(raw);
}

/// The bytes of the two addresses of a family; 0 where it has none that is known.
std::size_t addresses_size(std::uint8_t family) noexcept {
    switch (family) {
    case tcp_over_ipv4:
        return 2 * sizeof(in_addr) + 4;
    case tcp_over_ipv6:
        return 2 * sizeof(in6_addr) + 4;
    case unix_stream:
        return 2 * unix_name_size;
    default:
        return 0;
    }
}

void read_addresses(std::string_view bytes, std::uint8_t family, proxy_facts& into) {
    if (family != tcp_over_ipv4 && family != tcp_over_ipv6)
        return;  // a name of another machine's says nothing here
    const std::size_t size = family == tcp_over_ipv4 ? sizeof(in_addr) : sizeof(in6_addr);
    into.source = ip_endpoint(bytes.substr(0, size), number_16(bytes, 2 * size));
    into.destination = ip_endpoint(bytes.substr(size, size), number_16(bytes, 2 * size + 2));
}

/// False where they do not fill the rest, or a checksum is wrong. `at`: where they begin.
bool read_tlvs(std::string_view whole, std::size_t at, proxy_facts& into) {
    constexpr std::size_t head = 3;
    while (at < whole.size()) {
        if (whole.size() - at < head) return false;
        const std::uint8_t type = byte(whole, at);
        const std::size_t size = number_16(whole, at + 1);
        at += head;
        if (whole.size() - at < size) return false;
        if (type == proxy_facts::crc32c) {
            if (size != 4) return false;
            std::string zeroed(whole);
            std::fill_n(zeroed.begin() + static_cast<std::ptrdiff_t>(at), size, '\0');
            if (crc32c(zeroed) != number_32(whole, at)) return false;
        }
        into.tlvs.push_back({type, std::string(whole.substr(at, size))});
        at += size;
    }
    return true;
}

proxy_header read_version_2(std::string_view bytes) {
    proxy_header header;
    if (bytes.size() < front_size) return header;
    const std::uint8_t command = byte(bytes, signature.size());
    const std::uint8_t family = byte(bytes, signature.size() + 1);
    const std::size_t size = front_size + number_16(bytes, signature.size() + 2);
    const std::size_t addresses = addresses_size(family);
    const bool is_local = command == command_local;
    if (!is_local && (command != command_proxy || size < front_size + addresses)) {
        header.what = state::malformed;
        return header;
    }
    if (bytes.size() < size) return header;
    const std::string_view whole = bytes.substr(0, size);
    header.size = size;
    header.what = state::complete;
    if (is_local) return header;  // the proxy speaks for itself: the rest is to be discarded, whatever it is
    // Of a family that is not known, all after the front is to be skipped.
    const bool knows_family = addresses > 0 || family == 0;
    if (knows_family && !read_tlvs(whole, front_size + addresses, header.facts))
        header.what = state::malformed;
    read_addresses(whole.substr(front_size), family, header.facts);
    return header;
}

std::array<std::uint32_t, 256> crc_table() noexcept {
    constexpr std::uint32_t reversed_polynomial = 0x82F63B78;
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t rest = i;
        for (int bit = 0; bit < 8; ++bit)
            rest = (rest >> 1) ^ ((rest & 1) != 0 ? reversed_polynomial : 0);
        table[i] = rest;
    }
    return table;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) noexcept {
    static const std::array<std::uint32_t, 256> table = crc_table();
    std::uint32_t rest = ~std::uint32_t{0};
    for (const char each : bytes)
        rest = (rest >> 8) ^ table[(rest ^ static_cast<std::uint8_t>(each)) & 0xff];
    return ~rest;
}

proxy_header read_proxy_header(std::string_view bytes) {
    const auto begins_as = [bytes](std::string_view wanted) {
        const std::size_t both = std::min(bytes.size(), wanted.size());
        return bytes.substr(0, both) == wanted.substr(0, both);
    };
    if (bytes.empty()) return {};
    if (begins_as(version_1)) return read_version_1(bytes);
    if (begins_as(signature)) return read_version_2(bytes);
    proxy_header wrong;
    wrong.what = state::malformed;
    return wrong;
}

}  // namespace aperto
