// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/event.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace aperto::lab {

/// By what the lab knows that the server can be called:
///
///     tcp, tcp:80      it listens on a TCP port; on that one
///     udp, udp:53      it has bound a UDP port; that one
///     line:TEXT        it has printed a line with TEXT in it
///     2s               so much time has passed since it was started
struct readiness {
    enum class sign : std::uint8_t { tcp, udp, line, delay };
    sign what = sign::tcp;
    std::uint16_t port = 0;  ///< 0: any
    std::string line;
    duration delay{};
};

/// Throws `bad_input`.
readiness parse_readiness(std::string_view text);

/// What is being waited for, for a person who waits too.
std::string waiting_text(const readiness& wanted);

}  // namespace aperto::lab
