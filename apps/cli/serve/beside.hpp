// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/background.hpp"
#include "aperto/task.hpp"

#include <chrono>
#include <functional>
#include <vector>

namespace aperto::cli {

/// A task beside the conversations of a worker, as `options::background` has it.
using beside = std::function<task<>(background&)>;

/// All of them at once, none empty; empty where there are none. Over when all are.
beside all_of(std::vector<beside> tasks);

/// Measures ten times a second how late the worker's loop comes to what is due, which is how long it was busy with one
/// turn; to the tick of its timers, a millisecond. `tell` is called on each worker's thread.
beside lag_watch(std::function<void(duration by)> tell);

/// Tells once a day that a certificate expires soon, from `days_to_warn` before on; one worker does. `when` is asked anew
/// each day. Both are called on that worker's thread.
beside expiry_watch(std::function<std::chrono::system_clock::time_point()> when,
                    std::function<void(std::chrono::system_clock::time_point)> tell);

}  // namespace aperto::cli
