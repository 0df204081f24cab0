// SPDX-License-Identifier: MIT
#pragma once

#include "lab/wire/link.hpp"

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// What a link can be told by name, the same in a scenario's [link] table and as an option of `aperto lab`
/// (`queue_packets` there is `--queue-packets`).
struct link_option {
    std::string_view key;
    const char* help;  ///< English; with the form of the value
    void (*apply)(link_settings&, std::string_view value);
};

const std::vector<link_option>& link_options();

/// Checks `value` now (throws `bad_input`) and returns what sets it. Throws for an unknown key, naming the
/// nearest.
std::function<void(link_settings&)> link_setter(std::string_view key, std::string_view value);

/// Both directions of a wire as they are asked for.
struct link_plan {
    std::array<link_settings, 2> base;  ///< by `side`
    std::array<std::vector<link_phase>, 2> phases;

    /// One option as written on the command line: "5%", "client:5%", "server:20ms@1s..3s".
    void set(std::string_view key, std::string_view text);
};

}  // namespace aperto::lab
