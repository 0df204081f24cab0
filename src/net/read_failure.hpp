// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/error.hpp"

namespace aperto {

/// Failures of reading that have no errno, in the same int as those that have.
inline constexpr int read_failure_base = 10'000;
constexpr int read_failure_of(errc code) noexcept { return -(read_failure_base + static_cast<int>(code)); }

}  // namespace aperto
