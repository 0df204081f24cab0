// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cxx20.hpp"

namespace aperto {

/// Of these headers: "major.minor.patch", by semantic versioning.
inline constexpr const char* version = "0.1.0";

}  // namespace aperto
