// SPDX-License-Identifier: MIT
#pragma once

#include "cli/lab/lab.hpp"
#include "cli/options/description.hpp"
#include "core/i18n.hpp"

#include <array>
#include <string>
#include <vector>

namespace aperto::cli {

/// A command that reads its own arguments, its help included, and gives the exit code.
struct foreign_command {
    const char* name;
    const char* summary;  ///< to be translated
    const char* arguments;
    int (*run)(std::vector<std::string> arguments);
    void (*describe)(command_description& command);  ///< adds its options
};

inline constexpr std::array<foreign_command, 1> foreign_commands{
    {{"lab", N_("a bad network on this machine: see every packet, lose any one of them"),
      "[run LAB…|list|show LAB…|verify REPORT…|sweep LAB|doctor] [OPTIONS]", &run_lab, &describe_lab}}};

}  // namespace aperto::cli
