// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto {

/// What a trusted proxy told of the client in front of it, by the PROXY protocol, version 1 or 2 (HAProxy's
/// proxy-protocol.txt). See `options::proxy_from`.
struct proxy_facts {
    /// A piece of further information: a type and its bytes.
    struct tlv {
        std::uint8_t type = 0;  ///< one of those below, or any other
        std::string value{};    ///< as it was sent
        bool operator==(const tlv&) const = default;
    };
    static constexpr std::uint8_t alpn = 0x01;       ///< the application's protocol, as TLS agreed on it
    static constexpr std::uint8_t authority = 0x02;  ///< the name the client asked for (SNI)
    static constexpr std::uint8_t crc32c = 0x03;     ///< the header's checksum; it was right
    static constexpr std::uint8_t unique_id = 0x05;  ///< of this connection, in the proxy's log too
    static constexpr std::uint8_t ssl = 0x20;        ///< the client's TLS, in pieces of its own

    unsigned version = 2;  ///< of the protocol, 1 or 2
    endpoint proxy{};      ///< the proxy's own address
    endpoint source{};  ///< the client's, as told; none where the proxy speaks for itself, or does not know
    endpoint destination{};   ///< where the client connected to, as told
    std::vector<tlv> tlvs{};  ///< in their order; version 2 alone

    /// The first of a type.
    std::optional<std::string_view> find(std::uint8_t type) const noexcept {
        for (const tlv& each : tlvs)
            if (each.type == type) return each.value;
        return {};
    }
};

}  // namespace aperto
