// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/server.hpp"

namespace aperto {

/// Throws `error` (`errc::malformed`) on the first option that no server can work with: its name, its value
/// and what it takes.
void check_options(const options& chosen);

}  // namespace aperto
