// SPDX-License-Identifier: MIT
#pragma once

namespace aperto {

inline constexpr const char* version = "0.1.0";

}  // namespace aperto
