// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace aperto::lab {

/// A moment of the run: time since its first packet (CLOCK_MONOTONIC).
using instant = std::chrono::nanoseconds;
using duration = std::chrono::nanoseconds;

}  // namespace aperto::lab
