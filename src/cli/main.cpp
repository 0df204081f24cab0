// SPDX-License-Identifier: MIT
#include "cli/command_line.hpp"
#include "cli/failure.hpp"
#include "cli/foreign_commands.hpp"
#include "cli/language.hpp"
#include "cli/sentence.hpp"

#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace aperto::cli {

namespace {

int print(const std::string& text) {
    const bool written = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
    if (written) return exit_done;
    return tell({exit_failed,
                 sentence(_("could not write: {}"), system_reason({errno, std::system_category()})),
                 {}});
}

int run(const invocation& asked) {
    switch (asked.what) {
    case invocation::verb::serve:
        return run_serve(asked.serve);
    case invocation::verb::send:
        return run_send(asked.send);
    case invocation::verb::demo:
        return run_demo();
    case invocation::verb::print:
        break;
    }
    return print(asked.text);
}

int run_arguments(const std::vector<std::string>& arguments) {
    for (const foreign_command& other : foreign_commands)
        if (!arguments.empty() && arguments[0] == other.name)
            return other.run({arguments.begin() + 1, arguments.end()});
    try {
        return run(parse_command_line(arguments));
    } catch (const usage_error& wrong) {
        const std::string help =
            wrong.command.empty() ? "aperto --help" : "aperto " + wrong.command + " --help";
        return tell({exit_usage, wrong.what(), sentence(_("See  {}"), help)});
    }
}

}  // namespace

}  // namespace aperto::cli

int main(int count, char** words) {
    using namespace aperto::cli;
    try {
        std::vector<std::string> arguments(words + 1, words + count);
        if (const auto wrong = choose_language(arguments)) return tell(*wrong);
        return run_arguments(arguments);
    } catch (const std::exception& failed) {
        return tell({exit_failed, failed.what(), {}});
    }
}
