// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/client.hpp"

#include <cstddef>
#include <vector>

namespace aperto::client {

/// `connect` to several hosts, by checked options; `reached` becomes the index of the one that answered. The caller
/// keeps all of them until it ends.
task<stream> connect_any(const std::vector<host_port>& hosts, const client_options& options,
                         std::size_t& reached);

}  // namespace aperto::client
