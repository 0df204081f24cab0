// SPDX-License-Identifier: MIT
#pragma once

namespace aperto::lab {

/// The first process of the virtual machine: builds a file system of which the host's is the lower, read-only
/// layer, runs what the request in the folder that both sides see asks for, and brings back what it printed, the
/// files it left and its exit code. Does not return: the machine is switched off.
[[noreturn]] void run_as_first_process();

}  // namespace aperto::lab
