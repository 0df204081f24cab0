// SPDX-License-Identifier: MIT
#include "cli/options/help.hpp"

#include "aperto/version.hpp"
#include "core/display.hpp"
#include "core/sentence.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace aperto::cli {

namespace {

constexpr std::size_t left_column = 26;

/// Past this a line is no longer read at a glance.
constexpr std::size_t columns_max = 100;
constexpr std::size_t columns_unknown = 80;

std::size_t help_columns() {
    const std::size_t known = asked_columns() != 0 ? asked_columns() : terminal_columns(STDOUT_FILENO);
    return std::min(known == 0 ? columns_unknown : known, columns_max);
}

std::string help_line(const std::string& line) { return wrap(line, help_columns()) + "\n"; }

/// Two columns; the right one moves to a line of its own where the left one is too wide.
void add_help_row(std::string& text, const std::string& left, const std::string& right) {
    std::string row = "  " + left;
    const std::size_t width = display_width(left);
    row += width + 2 <= left_column ? std::string(left_column - width, ' ')
                                    : "\n" + std::string(left_column + 2, ' ');
    const std::size_t indent = left_column + 2;
    text += row + wrap(right, help_columns(), indent, indent) + "\n";
}

std::string name_and_value(const option_description& option) {
    std::string text = option.letter.empty() ? option.name : option.letter + ", " + option.name;
    if (!option.also.empty()) text += ", " + option.also;
    return option.value.empty() ? text : text + " " + placeholder(option.value);
}

void add_options(std::string& text, const command_description& command, const std::string& group) {
    for (const option_description& option : command.options) {
        if (option.group != group) continue;
        const std::string fallback = option.fallback.empty() ? "" : fmt::format(" [{}]", option.fallback);
        add_help_row(text, name_and_value(option), option.help + fallback);
    }
}

/// In the order in which they come first.
std::vector<std::string> groups_of(const command_description& command) {
    std::vector<std::string> groups;
    for (const option_description& option : command.options)
        if (!option.group.empty() && std::find(groups.begin(), groups.end(), option.group) == groups.end())
            groups.push_back(option.group);
    return groups;
}

void add_arguments(std::string& text, const command_description& command) {
    if (!command.choices.empty()) text += '\n';
    for (const argument_choice& choice : command.choices)
        add_help_row(text, choice.value, choice.help);
    if (command.commands.empty()) return;
    text += fmt::format("\n{}\n", _("Commands:"));
    for (const command_description* own : listed(command.commands)) {
        const std::string arguments = usage_arguments(*own);
        add_help_row(text, own->name + (arguments.empty() ? "" : " " + arguments), own->summary);
    }
}

void add_examples(std::string& text, const command_description& command) {
    if (command.examples.empty()) return;
    text += fmt::format("\n{}\n", _("Examples:"));
    for (const example& shown : command.examples)
        text += fmt::format("  {}\n{}\n", shown.command, wrap("      " + shown.what, help_columns(), 6));
}

}  // namespace

std::string placeholder(const std::string& value) {
    // Those of which the help is made; what is to be typed as it stands, "auto|all|none", is in no catalogue.
    [[maybe_unused]] constexpr std::array<const char*, 19> translated{
        N_("HOST"),        N_("PORT"),   N_("TIME"),  N_("SIZE"),    N_("FILE"),
        N_("RANGES"),      N_("TEXT"),   N_("TEXT…"), N_("[TEXT…]"), N_("LANGUAGE"),
        N_("VALUE"),       N_("PACKET"), N_("BYTES"), N_("COMMAND"), N_("NAME=VALUE"),
        N_("PACKET TIME"), N_("LAB…"),   N_("PID"),   N_("SIGN")};
    return value.empty() ? value : _(value.c_str());
}

std::string usage_arguments(const command_description& command) {
    if (command.commands.empty()) return placeholder(command.arguments);
    std::string text;
    for (const command_description* own : listed(command.commands)) {
        const std::string arguments = usage_arguments(*own);
        text += (text.empty() ? "[" : "|") + own->name + (arguments.empty() ? "" : " " + arguments);
    }
    return text + "]";
}

std::string program_help(const std::vector<command_description>& commands) {
    std::string text =
        fmt::format("aperto {}  {}\n\n", version, _("TCP, to use and to see: a server and its client"));
    text += _("Commands:");
    text += '\n';
    for (const command_description* command : listed(commands))
        add_help_row(text, command->name, command->summary);
    text += '\n';
    text += _("Options:");
    text += '\n';
    add_help_row(text, "-h, --help", _("this help; aperto COMMAND --help tells all of a command"));
    add_help_row(text, "--version", _("the version"));
    add_help_row(text, "--lang " + placeholder("LANGUAGE"),
                 _("speak this language (en, pt_BR) rather than the system's"));
    text += '\n';
    text += _("Examples:");
    text += '\n';
    add_help_row(text, "aperto serve", _("answers everyone in capitals, port 9999"));
    add_help_row(text, "aperto send \"olá, mundo\"", _("one message to this machine's server"));
    return text;
}

std::string command_help(const command_description& command, const std::string& name) {
    const std::string arguments = usage_arguments(command);
    std::string text =
        fmt::format("{} aperto {}{}{}", _("Usage:"), name, arguments.empty() ? "" : " " + arguments,
                    command.options.empty() ? "" : _(" [OPTIONS]"));
    text = help_line(text) + "\n" + help_line(command.about.empty() ? command.summary : command.about);
    add_arguments(text, command);
    text += fmt::format("\n{}\n", _("Options:"));
    add_options(text, command, "");
    add_help_row(text, "--lang " + placeholder("LANGUAGE"),
                 _("speak this language (en, pt_BR) rather than the system's"));
    add_help_row(text, "-h, --help", _("this help"));
    for (const std::string& group : groups_of(command)) {
        text += "\n" + help_line(group + ":");
        add_options(text, command, group);
    }
    add_examples(text, command);
    return text;
}

}  // namespace aperto::cli
