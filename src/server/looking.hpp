// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/open_connections.hpp"
#include "aperto/task.hpp"

#include <memory>
#include <vector>

namespace aperto {

struct server_shared;

/// See server::next_connections.
task<std::vector<open_connection>> look_at_connections(std::shared_ptr<server_shared> of,
                                                       connections_mark& mark);
/// See server::loads.
task<std::vector<worker_load>> look_at_workers(std::shared_ptr<server_shared> of);

}  // namespace aperto
