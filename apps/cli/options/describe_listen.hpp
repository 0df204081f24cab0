// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/server.hpp"
#include "cli/options/description.hpp"

#include <vector>

namespace aperto::cli {

/// --listen: an address more, and what is different there. `given_for_tls`: what was said that is of no use without --tls.
option_description listen_option(aperto::options& options, std::string& given_for_tls);
/// --socket-mode and --socket-group: of the files of Unix sockets.
void add_unix_file(std::vector<option_description>& to, listen_options& socket);

}  // namespace aperto::cli
