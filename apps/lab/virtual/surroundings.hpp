// SPDX-License-Identifier: MIT
#pragma once

namespace aperto::lab {

/// Whether a process may trace its child here, by which a user-mode kernel runs its processes; tried.
bool tracing_works_here();

}  // namespace aperto::lab
