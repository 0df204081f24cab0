// SPDX-License-Identifier: MIT
//
// Any bytes as a configuration file of `serve`: every fault is told of with a place that is in the file, in
// words that are safe to print, and what was set is within what the options allow.
#include "cli/options/command_line.hpp"
#include "core/utf8.hpp"
#include "require.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace aperto;

bool is_printable(std::string_view text) {
    return utf8::is_valid(text) && std::none_of(text.begin(), text.end(), [](char each) {
               const auto byte = static_cast<unsigned char>(each);
               return byte < ' ' || byte == 0x7F;
           });
}

void check_problems(const std::vector<cli::config_problem>& problems, std::string_view text) {
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    unsigned before = 0;
    for (const cli::config_problem& each : problems) {
        fuzz::require(each.line >= 1 && each.line <= lines, "a fault is at a line of the file");
        fuzz::require(each.line >= before, "faults are told in the order of the file");
        fuzz::require(!each.what.empty() && is_printable(each.what), "a fault is safe to print");
        before = each.line;
    }
    const std::string report = cli::config_report("a file", problems);
    fuzz::require(static_cast<std::size_t>(std::count(report.begin(), report.end(), '\n')) == problems.size(),
                  "a fault is a line of the report");
}

void check_options(const options& set) {
    fuzz::require(set.workers <= 1024, "workers keep to their range");
    fuzz::require(set.max_message >= 1 && set.high_water >= 1, "sizes keep to their range");
    for (const duration each :
         {set.idle_timeout, set.message_deadline, set.write_deadline, set.handshake_deadline})
        fuzz::require(each > duration::zero(), "a deadline is no moment in the past");
    for (const duration each : {set.drain_delay, set.drain_grace, set.drain_spread, set.drain_deadline,
                                set.socket.keepalive, set.socket.user_timeout})
        fuzz::require(each >= duration::zero(), "no time is negative");
    fuzz::require(set.accept_rate >= 0, "no rate is negative");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    cli::serve_request request;
    const cli::command_description command = cli::describe_serve(request);
    check_problems(cli::apply_config(command, text, {"--config", "--check"}), text);
    check_options(request.options);
    return 0;
}
