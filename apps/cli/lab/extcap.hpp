// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace aperto::cli {

/// What Wireshark asks of a program in its extcap folder (extcap(4)).
struct extcap_request {
    bool lists_interfaces = false;
    bool lists_link_types = false;
    bool lists_options = false;
    bool captures = false;
    std::string interface;  ///< "aperto", or "aperto-LAB"
    std::string pipe;
    std::string filter;
    std::string version;             ///< Wireshark's; not needed
    std::vector<std::string> words;  ///< of the run, as `aperto lab` takes them
};

/// Lists the labs as interfaces, or runs one into the pipe. 0 where there was a run to look at, whatever it showed.
/// Throws `usage_error`.
int run_extcap(const extcap_request& request);

}  // namespace aperto::cli
