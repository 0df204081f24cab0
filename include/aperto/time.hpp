// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cxx20.hpp"

#include <chrono>

namespace aperto {

/// Monotonic time: unmoved by a change of the wall clock (clock_gettime(2), CLOCK_MONOTONIC). A simulated
/// loop has its own, virtual, in the same type.
using clock = std::chrono::steady_clock;
/// A point in that time.
using time_point = clock::time_point;
/// Nanoseconds. Deadlines are kept to the millisecond, rounded up: a wait never ends early.
using duration = clock::duration;

/// No deadline. The only way to wait for ever, so that it is always somebody's choice.
inline constexpr duration forever = duration::max();

}  // namespace aperto
