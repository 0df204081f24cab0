// SPDX-License-Identifier: MIT
#include "cli/options/foreign_options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace aperto::cli {

namespace {

/// "PORT", or "stream|line|length" where only these are taken. CLI11 adds the name of a check after a colon.
std::string value_of(const CLI::Option& option) {
    if (option.get_items_expected_max() == 0) return {};
    if (!option.get_option_text().empty()) return option.get_option_text();
    const std::string type = option.get_type_name();
    return type.substr(0, type.find(':'));
}

void add_option(const CLI::Option& option, command_description& command) {
    for (const std::string& name : option.get_lnames()) {
        const bool known =
            std::any_of(command.options.begin(), command.options.end(),
                        [&](const option_description& each) { return each.name == "--" + name; });
        if (known || name == "help") continue;
        const auto& letters = option.get_snames();
        command.options.push_back({.name = "--" + name,
                                   .letter = letters.empty() ? "" : "-" + letters.front(),
                                   .value = value_of(option),
                                   .help = option.get_description(),
                                   .fallback = option.get_default_str()});
    }
}

}  // namespace

void describe_app(const CLI::App& app, command_description& command) {
    for (const CLI::Option* option : app.get_options())
        add_option(*option, command);
    for (const CLI::App* subcommand : app.get_subcommands({})) {
        command.choices.push_back({subcommand->get_name(), subcommand->get_description()});
        describe_app(*subcommand, command);
    }
}

}  // namespace aperto::cli
