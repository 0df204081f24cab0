// SPDX-License-Identifier: MIT
#include "cli/options/options_table.hpp"

#include <fmt/format.h>

#include <string_view>

namespace aperto::cli {

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

void add_command(string& text, const command_description& command, const string& name) {
    if (!command.options.empty())
        text += fmt::format(
            "\n## aperto {}\n\n| option | value | without it | what it sets |\n| --- | --- | --- | --- |\n",
            name);
    for (const option_description& option : command.options)
        text += fmt::format("| {} | {} | {} | {} |\n", names_of(option),
                            option.value.empty() ? "" : fmt::format("`{}`", cell(option.value)),
                            cell(option.fallback), cell(option.help));
    for (const command_description* own : listed(command.commands))
        add_command(text, *own, name + " " + own->name);
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
        add_command(text, *command, command->name);
    return text;
}

}  // namespace aperto::cli
