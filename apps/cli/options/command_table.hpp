// SPDX-License-Identifier: MIT
#pragma once

#include "cli/bench/bench.hpp"
#include "cli/commands.hpp"
#include "cli/options/description.hpp"

#include <vector>

namespace aperto::cli {

/// The commands of the program, in the order in which the help lists them. Those named here write what they
/// are told into the requests, which must outlive the descriptions.
std::vector<command_description> describe_commands(serve_request& serve, send_request& send,
                                                   bench_request& bench);

command_description describe_serve(serve_request& request);
/// The limits of a server.
void add_limits(std::vector<option_description>& to, aperto::options& options);
command_description describe_send(send_request& request);
command_description describe_bench(bench_request& request);

/// Adds the options of the commands that read their own arguments: for who writes about them all.
void describe_foreign_options(std::vector<command_description>& commands);

}  // namespace aperto::cli
