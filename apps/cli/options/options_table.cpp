// SPDX-License-Identifier: MIT
#include "cli/options/options_table.hpp"

#include <fmt/format.h>

#include <string_view>

namespace aperto::cli {

namespace {

/// A bar would end the table's cell.
std::string cell(std::string_view text) {
    std::string escaped;
    for (const char each : text) {
        if (each == '|') escaped += '\\';
        escaped += each;
    }
    return escaped;
}

void add_command(std::string& text, const command_description& command) {
    text += fmt::format(
        "\n## aperto {}\n\n| option | value | without it | what it sets |\n| --- | --- | --- | --- |\n",
        command.name);
    for (const option_description& option : command.options)
        text += fmt::format("| `{}`{} | {} | {} | {} |\n", option.name,
                            option.letter.empty() ? "" : fmt::format(", `{}`", option.letter),
                            option.value.empty() ? "" : fmt::format("`{}`", cell(option.value)),
                            cell(option.fallback), cell(option.help));
}

}  // namespace

std::string options_table(const std::vector<command_description>& commands) {
    std::string text =
        "# Options\n"
        "\n"
        "Made by `aperto completion options`; a test holds it to the program.\n"
        "\n"
        "Times are `200ms`, `5s`, `2m`, `1h` or `never`; sizes `4096`, `64KiB`, `1MiB`, `10MB`. In the file "
        "that\n"
        "`aperto serve --config FILE` reads, each option of `aperto serve` is a key of its name without the "
        "dashes, and\n"
        "`service` is its argument:\n"
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
    for (const command_description& command : commands)
        if (!command.hidden && !command.options.empty()) add_command(text, command);
    return text;
}

}  // namespace aperto::cli
