// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/server.hpp"

#include <cstdint>
#include <string_view>

namespace aperto::cli {

class report;

/// What `aperto serve` can answer with.
enum class service : std::uint8_t {
    upper,    ///< the text in capitals
    echo,     ///< the same bytes
    discard,  ///< nothing (RFC 863)
};

/// The handler of a service. `told` hears of bytes that are not UTF-8, once a connection; it must outlive the
/// handler.
handler make_service(service which, report& told);

}  // namespace aperto::cli
