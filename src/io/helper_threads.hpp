// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

namespace aperto::io {

/// Runs a blocking call on one of at most 16 threads that the process keeps for that; past that number calls
/// wait their turn. Any thread may call. The threads block every signal, so that signals go where the program
/// wants them. Throws std::system_error when no thread can be had at all.
void run_on_helper_thread(std::function<void()> call);

}  // namespace aperto::io
