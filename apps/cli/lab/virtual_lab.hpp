// SPDX-License-Identifier: MIT
#pragma once

#include "cli/lab/lab_arguments.hpp"
#include "lab/virtual/kernel_image.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aperto::cli {

/// What of `aperto lab` is not for people, or has nothing to do with a lab's own arguments: the virtual
/// machine's first process, `verify REPORT…` and `sweep …`. None: it is not of these.
std::optional<int> run_beside_labs(const std::vector<std::string>& args);

/// Runs the request in the virtual Linux where it is to run there: because of --virtual, of `virtual = true`
/// in a scenario, or because this machine allows no namespaces, which is said. None: it runs here. `args` is
/// what the request was read from.
std::optional<int> run_virtually(const std::vector<std::string>& args, const lab_request& request);

/// Offers to build it on a terminal. Throws `cannot_here` where it is not built, with the command that builds it.
lab::kernel_image need_virtual_kernel();
/// One seed of a scenario, told of on the standard outputs, with no report: what a sweep does many times. The
/// same run as `aperto lab run SCENARIO --virtual --seed SEED`. Gives its exit code.
int run_seed_virtually(const lab::kernel_image& kernel, const std::string& scenario, std::uint64_t seed);

/// Whether runs work in the virtual Linux on this machine.
bool virtual_linux_works_here();
/// What `aperto lab doctor` says of it, one line each.
struct virtual_finding {
    bool good;
    std::string what;
    std::string seen;
    std::string remedy;  ///< empty when good
};
std::vector<virtual_finding> examine_virtual_linux();

}  // namespace aperto::cli
