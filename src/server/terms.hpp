// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/server.hpp"
#include "net/cidr_set.hpp"
#include "server/surroundings.hpp"

#include <cstddef>
#include <vector>

namespace aperto {

/// What holds at one of the addresses of a server.
struct place_terms {
    aperto::options options;  ///< the server's, with what is different there
    std::size_t connections_max;
    cidr_set proxies;
};

/// On what a server serves: its options, with what they leave open settled, and ready to be asked. What may be changed
/// while it serves (`server::renew`) is read from here alone; each worker has its own hold of the present ones, and
/// takes new ones between two turns. Does not change, so that any thread may read it.
struct server_terms {
    /// `workers`: by how many the memory is divided.
    server_terms(aperto::options chosen, const surroundings& where, unsigned workers);

    const aperto::options options;
    const std::size_t connections_max;
    const std::size_t memory_budget;  ///< bytes, each worker's share
    const std::size_t per_address_max;
    const bool loopback_is_free;  ///< this machine's own are not held to `per_address_max`
    const cidr_set deny;
    const cidr_set allow;
    const cidr_set exempt;
    /// Of the first address, then of each of `options::also_listen`.
    const std::vector<place_terms> places;
};

/// `now`, with those options of `wanted` that may be changed while a server serves.
options renewed(const options& now, const options& wanted);

}  // namespace aperto
