// SPDX-License-Identifier: MIT
#pragma once

#include "cli/lab/lab.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

/// What `aperto lab --open` begins with: a scenario, as it was typed.
struct play_base {
    std::string name;                 ///< "handshake"; of two commands, "lab"
    std::string text;                 ///< TOML
    std::string title;                ///< of its lesson, else the name
    std::vector<std::string> lesson;  ///< files that belong beside it
};

/// The scenario of a lab, or of the options that were typed. Throws `bad_input` for one that no scenario has.
play_base play_base_of(const lab_request& request);

/// Its state as the page has it:
///
///     {"name": "lab", "server": "aperto serve", "client": "", "seed": "1", "virtual": false,
///      "link": {"loss": "5%"}, "faults": [{"what": "hold", "packet": "client data#3", "time": "50ms"}]}
std::string play_state_json(const play_base& base);

/// The scenario that the page's state makes of it: TOML. Takes only what stands above and what a scenario takes;
/// `link` replaces what it names, of both directions. Throws `bad_input`.
std::string play_scenario(const play_base& base, std::string_view state);

}  // namespace aperto::cli
