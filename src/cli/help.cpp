// SPDX-License-Identifier: MIT
#include "cli/help.hpp"

#include "aperto/version.hpp"
#include "cli/sentence.hpp"

#include <algorithm>

namespace aperto::cli {

namespace {

constexpr std::size_t left_column = 26;

/// Two columns; the right one moves to a line of its own where the left one is too wide.
void add_row(std::string& text, const std::string& left, const std::string& right) {
    if (left.size() + 2 <= left_column)
        text += fmt::format("  {:<{}}{}\n", left, left_column, right);
    else
        text += fmt::format("  {}\n  {:<{}}{}\n", left, "", left_column, right);
}

std::string name_and_value(const option_description& option) {
    const std::string names = option.letter.empty() ? option.name : option.letter + ", " + option.name;
    return option.value.empty() ? names : names + " " + option.value;
}

void add_options(std::string& text, const command_description& command, bool advanced) {
    for (const option_description& option : command.options) {
        if (option.advanced != advanced) continue;
        const std::string fallback = option.fallback.empty() ? "" : fmt::format(" [{}]", option.fallback);
        add_row(text, name_and_value(option), option.help + fallback);
    }
}

bool has_limits(const command_description& command) {
    return std::any_of(command.options.begin(), command.options.end(),
                       [](const option_description& option) { return option.advanced; });
}

}  // namespace

std::string program_help(const std::vector<command_description>& commands) {
    std::string text =
        fmt::format("aperto {}  {}\n\n", version, _("TCP, to use and to see: a server and its client"));
    text += _("Commands:");
    text += '\n';
    for (const command_description& command : commands)
        if (!command.hidden) add_row(text, command.name, command.summary);
    text += '\n';
    text += _("Options:");
    text += '\n';
    add_row(text, "-h, --help", _("this help; aperto COMMAND --help tells all of a command"));
    add_row(text, "--version", _("the version"));
    add_row(text, "--lang LANGUAGE", _("speak this language (en, pt_BR) rather than the system's"));
    text += '\n';
    text += _("Examples:");
    text += '\n';
    add_row(text, "aperto serve", _("answers everyone in capitals, port 9999"));
    add_row(text, "aperto send \"olá, mundo\"", _("one message to this machine's server"));
    return text;
}

std::string command_help(const command_description& command) {
    std::string text = _("Usage:");
    text += fmt::format(" aperto {}{}{}{}\n\n", command.name, command.arguments.empty() ? "" : " ",
                        command.arguments, command.options.empty() ? "" : _(" [OPTIONS]"));
    text += command.about + "\n";
    if (!command.choices.empty()) {
        text += '\n';
        for (const argument_choice& choice : command.choices)
            add_row(text, choice.value, choice.help);
    }
    text += fmt::format("\n{}\n", _("Options:"));
    add_options(text, command, false);
    add_row(text, "--lang LANGUAGE", _("speak this language (en, pt_BR) rather than the system's"));
    add_row(text, "-h, --help", _("this help"));
    if (has_limits(command)) {
        text += fmt::format("\n{}\n", _("Limits:"));
        add_options(text, command, true);
    }
    if (!command.examples.empty()) {
        text += fmt::format("\n{}\n", _("Examples:"));
        for (const example& shown : command.examples)
            text += fmt::format("  {}\n      {}\n", shown.command, shown.what);
    }
    return text;
}

}  // namespace aperto::cli
