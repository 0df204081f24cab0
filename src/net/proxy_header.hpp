// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/proxy_facts.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace aperto {

/// What stands at the front of a connection from a proxy.
struct proxy_header {
    enum class state : std::uint8_t { incomplete, complete, malformed };
    state what = state::incomplete;
    std::size_t size = 0;  ///< bytes of the header, where it is complete
    proxy_facts facts;     ///< all but `proxy`
};

/// The largest header: 16 bytes and what 16 bits can count.
inline constexpr std::size_t proxy_header_max = 16 + 65'535;

/// Reads the front of a stream, any bytes. Throws std::bad_alloc alone.
proxy_header read_proxy_header(std::string_view bytes);

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
std::uint32_t crc32c(std::string_view bytes) noexcept;

}  // namespace aperto
