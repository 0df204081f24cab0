// SPDX-License-Identifier: MIT
#pragma once

namespace aperto::lab {

/// Whether the lab can make its two hosts on this machine: user namespaces and /dev/net/tun, tried.
bool namespaces_work_here();

}  // namespace aperto::lab
