// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

namespace aperto::lab {

/// The user-mode Linux that tools/virtual-linux has built on this machine.
struct kernel_image {
    std::string path;
    std::string version;        ///< "6.1.192"
    std::string configuration;  ///< the file that tells how it was configured; empty where it is gone
    std::string hash;           ///< SHA-256
};

/// Where it is looked for: `APERTO_VIRTUAL_KERNEL` in the environment, else the user's cache.
std::string kernel_path();
bool kernel_is_built();
/// None where it is not there or cannot be executed.
std::optional<kernel_image> find_kernel();
/// How the kernel is built, as a command: the script beside the labs, where it is known.
std::string build_command();

/// Runs that script, which asks before it builds, where there is a terminal to ask on. False: it was not built.
bool offer_to_build();

/// Whether this process runs inside the virtual machine.
bool inside_virtual_linux();

}  // namespace aperto::lab
