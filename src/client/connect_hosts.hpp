// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/client.hpp"
#include "aperto/error.hpp"

#include <cstddef>
#include <vector>

namespace aperto::client {

/// `connect` to several hosts, by checked options; `reached` becomes the index of the one that answered. The caller
/// keeps all of them until it ends.
task<stream> connect_any(const std::vector<host_port>& hosts, const client_options& options,
                         std::size_t& reached);

/// What became of several hosts, one failure each, one at least, as one error.
error failure_of_all(const std::vector<error>& failures);

/// Whether a host's name is that of a service, "_capitals._tcp.example": no host's name begins so (RFC 952).
bool names_service(std::string_view host) noexcept;

/// `hosts` with the hosts of a service in its place. A service that cannot be found, within `limit` in all, is left out;
/// where none is left then, throws the `error`.
task<std::vector<host_port>> each_host(std::vector<host_port> hosts, duration limit);

}  // namespace aperto::client
