// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/client.hpp"

namespace aperto::client {

/// Throws `error` (`errc::malformed`) on the first option that no client can work with: its name, its value
/// and what it takes.
void check_client_options(const client_options& chosen);

}  // namespace aperto::client
