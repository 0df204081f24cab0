// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/server.hpp"

#include <memory>

namespace aperto::cli {

/// A server that has started. The kernel lets go of what an io_uring had open a moment after its process is gone, so that a server
/// that was killed holds its port for that long: where nobody else has it, it is tried again for a second. Throws `error`.
std::unique_ptr<server> start_server(const options& chosen, const handler& what);

}  // namespace aperto::cli
