// SPDX-License-Identifier: MIT
#include "io/host_text.hpp"

#include <charconv>

namespace aperto::io {

std::optional<endpoint> as_address(const host_port& where) {
    if (names_unix_socket(where.host)) return endpoint::parse(where.host);
    return endpoint::from_address(where.host, where.port);
}

split_host split_host_port(std::string_view text) noexcept {
    split_host split;
    if (text.starts_with('[')) {
        split.bracketed = true;
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) {
            split.wrong = "The bracket is never closed: write [address]:port.";
            return split;
        }
        split.host = text.substr(1, end - 1);
        const std::string_view rest = text.substr(end + 1);
        if (rest.starts_with(':'))
            split.port = rest.substr(1);
        else if (!rest.empty())
            split.wrong = "Only a colon and a port may follow the bracket: write [address]:port.";
        return split;
    }
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
        split.host = text;
        return split;
    }
    split.host = text.substr(0, colon);
    split.port = text.substr(colon + 1);
    return split;
}

bool lacks_zone(const endpoint& address) {
    const auto& bytes = address.bytes();
    const bool link_local = bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80;
    return link_local && address.address().find('%') == std::string::npos;
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
    constexpr std::size_t digits_max = 5;
    if (text.empty() || text.size() > digits_max) return std::nullopt;
    std::uint32_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, failed] = std::from_chars(text.data(), end, number);
    if (failed != std::errc{} || stopped != end || number > 0xFFFF) return std::nullopt;
    return static_cast<std::uint16_t>(number);
}

}  // namespace aperto::io
