// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/open_connections.hpp"

#include <string>

namespace aperto::cli {

/// One object, without a line feed: what `/connections` says of a connection. Times in the unit that their names end in;
/// what is not known is left out. What the kernel tells stands in "tcp", by the names of `struct tcp_info`.
std::string connection_json(const open_connection& of);

}  // namespace aperto::cli
