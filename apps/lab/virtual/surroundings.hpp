// SPDX-License-Identifier: MIT
#pragma once

namespace aperto::lab {

/// Whether the lab can make its two hosts on this machine: user namespaces and /dev/net/tun, tried.
bool namespaces_work_here();

/// Whether a process may trace its child here, by which a user-mode kernel runs its processes; tried.
bool tracing_works_here();

}  // namespace aperto::lab
