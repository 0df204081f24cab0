// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/open_connections.hpp"

#include <string>

namespace aperto::cli {

/// One object, without a line feed: what `/connections` says of a connection. Times in the unit that their names end in;
/// what is not known is left out. What the kernel tells stands in "tcp", by the names of `struct tcp_info`, with
/// "limited_by": what held this side up for the longest part of the time in which it had something to send.
std::string connection_json(const open_connection& of);
/// What stands behind the last of them: the workers that were passed over, and the end.
std::string look_json(const connections_mark& over);

}  // namespace aperto::cli
