// SPDX-License-Identifier: MIT
#include "cli/options/help.hpp"

#include "aperto/version.hpp"
#include "cli/failure.hpp"
#include "core/display.hpp"
#include "core/sentence.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

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
    [[maybe_unused]] constexpr std::array<const char*, 24> translated{
        N_("HOST"),  N_("PORT"),    N_("TIME"),       N_("SIZE"),        N_("FILE"),  N_("RANGES"),
        N_("TEXT"),  N_("TEXT…"),   N_("[TEXT…]"),    N_("LANGUAGE"),    N_("VALUE"), N_("PACKET"),
        N_("BYTES"), N_("COMMAND"), N_("NAME=VALUE"), N_("PACKET TIME"), N_("LAB"),   N_("LAB…"),
        N_("PID"),   N_("SIGN"),    N_("REPORT…"),    N_("FILE…"),       N_("MODE"),  N_("A..B")};
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

namespace {

using std::string;

/// Text as troff takes it: a backslash and a dash are not themselves, a line does not begin with a dot.
string troff(const string& text) {
    string all;
    for (const char c : text) {
        if (c == '\\')
            all += "\\e";
        else if (c == '-')
            all += "\\-";
        else if ((c == '.' || c == '\'') && (all.empty() || all.back() == '\n'))
            all += string("\\&") + c;
        else
            all += c;
    }
    return all;
}

void add_manual_option(string& page, const option_description& option) {
    page += ".TP\n";
    if (!option.letter.empty()) page += fmt::format("\\fB{}\\fR, ", troff(option.letter));
    page += fmt::format("\\fB{}\\fR", troff(option.name));
    if (!option.also.empty()) page += fmt::format(", \\fB{}\\fR", troff(option.also));
    if (!option.value.empty()) page += fmt::format(" \\fI{}\\fR", troff(placeholder(option.value)));
    page += fmt::format("\n{}", troff(option.help));
    if (!option.fallback.empty()) page += fmt::format(" [{}]", troff(option.fallback));
    page += '\n';
}

void add_manual_command(string& page, const command_description& command) {
    page += fmt::format(".SS aperto {} {}\n{}\n", troff(command.name), troff(usage_arguments(command)),
                        troff(command.about.empty() ? command.summary : command.about));
    for (const argument_choice& choice : all_choices(command))
        page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", troff(choice.value), troff(choice.help));
    for (const option_description* option : all_options(command))
        add_manual_option(page, *option);
}

void add_exit_codes(string& page) {
    const std::vector<std::pair<int, const char*>> codes{
        {exit_done, _("done")},
        {exit_failed, _("failed in a way that has no code of its own")},
        {exit_usage, _("the arguments make no sense")},
        {exit_no_connection, _("could not connect")},
        {exit_cut_short, _("no reply came, or it was cut short; bench: the server was lost in mid-run, or no "
                           "port was left")},
        {exit_no_listen, _("could not listen")},
        {exit_wire, _("lab: the wire lost what it was not told to lose, so the run does not count")},
        {exit_machine, _("lab: the virtual Linux did not start, or ended before the run had")},
        {exit_cannot_here, _("lab: this machine does not allow what it needs")},
        {exit_time_up, _("lab: the time was up")},
        {exit_interrupted,
         _("ended by a signal at the prompt, or in bench: 128 and its number (Ctrl-C: 130)")},
    };
    page += fmt::format(".SH {}\n", _("EXIT STATUS"));
    for (const auto& [code, meaning] : codes)
        page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", code, troff(meaning));
}

}  // namespace

string manual_page(const std::vector<command_description>& commands) {
    string page = fmt::format(".TH APERTO 1 \"\" \"aperto {}\"\n", version);
    page += fmt::format(".SH {}\naperto \\- {}\n", _("NAME"),
                        troff(_("TCP, to use and to see: a server and its client")));
    page += fmt::format(".SH {}\n", _("SYNOPSIS"));
    for (const command_description& command : commands)
        page +=
            fmt::format("\\fBaperto {}\\fR {}{}\n.br\n", troff(command.name), troff(usage_arguments(command)),
                        command.options.empty() ? "" : troff(_(" [OPTIONS]")));
    page += fmt::format(".SH {}\n", _("COMMANDS"));
    for (const command_description* command : listed(commands))
        add_manual_command(page, *command);
    add_exit_codes(page);
    page += fmt::format(".SH {}\n", _("EXAMPLES"));
    for (const command_description& command : commands)
        for (const example& shown : command.examples)
            page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", troff(shown.command), troff(shown.what));
    return page;
}

namespace {

using std::string;

/// A bar would end the table's cell.
string cell(std::string_view text) {
    string escaped;
    for (const char each : text) {
        if (each == '|') escaped += '\\';
        escaped += each;
    }
    return escaped;
}

string names_of(const option_description& option) {
    string names = fmt::format("`{}`", option.name);
    for (const string& other : {option.letter, option.also})
        if (!other.empty()) names += fmt::format(", `{}`", other);
    return names;
}

void add_table(string& text, const command_description& command, const string& name) {
    if (!command.options.empty())
        text += fmt::format(
            "\n## aperto {}\n\n| option | value | without it | what it sets |\n| --- | --- | --- | --- |\n",
            name);
    for (const option_description& option : command.options)
        text += fmt::format("| {} | {} | {} | {} |\n", names_of(option),
                            option.value.empty() ? "" : fmt::format("`{}`", cell(option.value)),
                            cell(option.fallback), cell(option.help));
    for (const command_description* own : listed(command.commands))
        add_table(text, *own, name + " " + own->name);
}

}  // namespace

std::string options_table(const std::vector<command_description>& commands) {
    std::string text =
        "# Options\n"
        "\n"
        "Made by `aperto completion options`; a test holds it to the program.\n"
        "\n"
        "Times are `200ms`, `5s`, `2m`, `1h` or `never`; sizes `4096`, `64KiB`, `1MiB`, `10MB`; on the wire "
        "of "
        "a lab a time\n"
        "has its unit, `20us` to `2min`, shares are `5%` or `0.05`, rates `10mbit`.\n"
        "\n"
        "In the file that `aperto serve --config FILE` reads, each option of `aperto serve` is a key of its "
        "name "
        "without the\n"
        "dashes, and `service` is its argument:\n"
        "\n"
        "```toml\n"
        "service = \"echo\"\n"
        "port = 7000\n"
        "idle-timeout = \"2m\"\n"
        "deny = [\"203.0.113.0/24\", \"2001:db8:bad::/48\"]\n"
        "```\n"
        "\n"
        "What the command line says wins over the file; lists of addresses are added to. `aperto serve "
        "--check FILE` says\n"
        "what is wrong in a file, with line and column.\n";
    for (const command_description* command : listed(commands))
        add_table(text, *command, command->name);
    return text;
}

}  // namespace aperto::cli
