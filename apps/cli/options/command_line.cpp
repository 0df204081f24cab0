// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"

#include "aperto/version.hpp"
#include "cli/options/command_table.hpp"
#include "cli/options/completion.hpp"
#include "cli/options/config.hpp"
#include "cli/options/help.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/options_table.hpp"
#include "core/log_safe.hpp"
#include "core/nearest.hpp"
#include "core/sentence.hpp"

#include <algorithm>

namespace aperto::cli {

namespace {

using verb = invocation::verb;

bool is_one_of(const std::string& word, std::initializer_list<const char*> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

/// `aperto completion SHELL`, for packagers: not listed in the help.
std::string completion_text(const std::vector<std::string>& arguments,
                            const std::vector<command_description>& commands) {
    const std::string shell = arguments.size() == 1 ? arguments[0] : "";
    if (shell == "options") return options_table(commands);
    if (shell == "bash") return bash_completion(commands);
    if (shell == "zsh") return zsh_completion(commands);
    if (shell == "fish") return fish_completion(commands);
    if (shell == "man") return manual_page(commands);
    throw usage_error(_("completion takes one of bash, zsh, fish, man"));
}

const std::vector<std::string>& options_about_files() {
    static const std::vector<std::string> names{"--config", "--check"};
    return names;
}

/// The value of the last `--config`; empty where there is none.
std::string config_named(const std::vector<std::string>& arguments) {
    constexpr std::string_view option = "--config";
    std::string path;
    for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
        if (arguments[i] == option && i + 1 < arguments.size()) path = arguments[++i];
        if (arguments[i].starts_with(option) && arguments[i][option.size()] == '=')
            path = arguments[i].substr(option.size() + 1);
    }
    return path;
}

/// Sets what the file says. Throws `usage_error` with everything that is wrong in it.
void take_config(const command_description& command, const std::string& path) {
    const auto problems = apply_config(command, read_config(path), options_about_files());
    if (problems.empty()) return;
    std::string report = config_report(path, problems);
    report.pop_back();
    throw usage_error(report);
}

/// The file first: what the command line says has the last word.
void take_serve_config(const command_description& serve, const std::vector<std::string>& arguments) {
    if (const std::string path = config_named(arguments); !path.empty()) take_config(serve, path);
}

/// What the options of a command say together.
void complete(const command_description& command, invocation& asked) {
    if (asked.what == verb::send) split_host_and_port(asked.send.host, asked.send.port);
    if (asked.what == verb::bench) split_host_and_port(asked.bench.plan.host, asked.bench.plan.port);
    if (asked.what == verb::lab && asked.lab.what == lab_request::verb::once) complete_run(asked.lab);
    if (!asked.serve.check.empty()) {
        take_config(command, asked.serve.check);
        asked.text = sentence(_("{}: nothing is wrong"), log_safe(asked.serve.check)) + "\n";
        asked.what = verb::print;
    }
}

void parse_command(const command_description& command, const std::vector<std::string>& arguments,
                   invocation& asked) {
    std::string name = command.name;
    try {
        if (name == "serve") take_serve_config(command, arguments);
        const parsed understood = parse_arguments(command, arguments);
        name = understood.name;
        if (understood.help) {
            asked.text = command_help(*understood.command, name);
            asked.what = verb::print;
            return;
        }
        complete(command, asked);
    } catch (usage_error& wrong) {
        if (wrong.command.empty()) wrong.command = name;
        throw;
    }
}

}  // namespace

void parse_command_line(const std::vector<std::string>& arguments, invocation& asked) {
    const auto commands = describe_commands(asked);
    if (arguments.empty() || is_one_of(arguments[0], {"--help", "-h", "help"})) {
        asked.text = program_help(commands);
        return;
    }
    const std::string& name = arguments[0];
    const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    if (is_one_of(name, {"--version", "-V"})) {
        asked.text = fmt::format("aperto {}\n", version);
        return;
    }
    if (name == "completion") {
        asked.text = completion_text(rest, commands);
        return;
    }
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&name](const command_description& one) { return one.name == name; });
    if (found == commands.end()) unknown_command(name, commands);
    parse_command(*found, rest, asked);
}

invocation parse_command_line(const std::vector<std::string>& arguments) {
    invocation asked;
    parse_command_line(arguments, asked);
    return asked;
}

}  // namespace aperto::cli
