// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "aperto/task.hpp"

#include <string>
#include <vector>

namespace aperto {

/// Every address of a host, in the order to try them (getaddrinfo(3), RFC 6724). Runs on a helper thread,
/// never on the loop's; a numeric address is answered at once. Those of one family, AF_INET or AF_INET6, where it is
/// given. Throws `error`: `errc::name_not_found`, also where the name has none of that family; `errc::name_try_again`.
task<std::vector<endpoint>> resolve(host_port where, int family = 0);

/// The hosts of a service, "_service._tcp.domain", in the order to try them: by the priorities of its SRV records, drawn
/// by their weights where these are the same (RFC 2782). Runs on a helper thread. Throws `error`:
/// `errc::name_not_found`, also where the domain says that it has no such service; `errc::name_try_again`.
task<std::vector<host_port>> resolve_service(std::string name);

}  // namespace aperto
