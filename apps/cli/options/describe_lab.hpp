// SPDX-License-Identifier: MIT
//
// What the two files share that describe `aperto lab`.
#pragma once

#include "cli/options/command_line.hpp"
#include "cli/options/description.hpp"
#include "lab/analysis/quantity.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace aperto::cli {

inline constexpr std::uint64_t seed_max = std::numeric_limits<std::int64_t>::max();

/// What the lab itself reads: what is wrong with it is told with the option's name.
template <class Read>
void read_as(const std::string& name, Read read) {
    try {
        read();
    } catch (const lab::bad_input& wrong) {
        throw usage_error(name + ": " + wrong.what());
    }
}

option_description lab_option(std::string name, std::string value, std::string help, std::string fallback,
                              std::function<void(const std::string&)> read);
option_description file_option(std::string name, std::string help, std::string& target);

/// What a student hands in.
std::vector<option_description> hand_in_options(lab_request& request);

command_description describe_show(lab_request& request);
command_description describe_copy(lab_request& request);
command_description describe_exercise(lab_request& request);
command_description describe_grade(lab_request& request);

}  // namespace aperto::cli
