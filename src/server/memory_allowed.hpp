// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace aperto {

/// Bytes of memory that this process may use: the machine's, or what its control group leaves it
/// (cgroups(7)).
std::size_t memory_allowed() noexcept;

}  // namespace aperto
