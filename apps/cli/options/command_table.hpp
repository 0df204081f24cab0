// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/command_line.hpp"
#include "cli/options/description.hpp"

#include <vector>

namespace aperto::cli {

/// The commands of the program, in the order in which the help lists them. What they are told goes into
/// `asked`, which must outlive the descriptions.
std::vector<command_description> describe_commands(invocation& asked);

command_description describe_serve(serve_request& request);
/// The limits of a server.
void add_limits(std::vector<option_description>& to, aperto::options& options);
command_description describe_send(send_request& request);
command_description describe_bench(bench_request& request);
command_description describe_lab(lab_request& request);
/// What the options of a run say together. Throws `usage_error`.
void complete_run(lab_request& request);

}  // namespace aperto::cli
