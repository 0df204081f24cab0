// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/event.hpp"

namespace aperto::lab {

/// The part of a host's life after it is set up: starts and stops programs as `control` says (see host.hpp)
/// and reports how they end. Never returns; ends the process when `control` ends.
[[noreturn]] void serve_programs(side which, int control);

}  // namespace aperto::lab
