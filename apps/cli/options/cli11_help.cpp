// SPDX-License-Identifier: MIT
#include "cli/options/cli11_help.hpp"

#include "cli/options/help.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <algorithm>

namespace aperto::cli {

namespace {

/// Without the checks of a value, which CLI11 writes behind a colon.
std::string value_name(const CLI::Option& option) {
    const std::string own =
        option.get_option_text().empty() ? option.get_type_name() : option.get_option_text();
    return placeholder(own.substr(0, own.find(':')));
}

/// "--hold PACKET TIME", or of an argument without dashes "LAB…".
std::string left_side(const CLI::Option& option) {
    if (option.get_positional()) return value_name(option);
    std::string text = option.get_name(false, true);
    for (auto at = text.find(','); at != std::string::npos; at = text.find(',', at + 2))
        text.insert(at + 1, " ");
    const std::string value = value_name(option);
    return value.empty() ? text : text + " " + value;
}

void add_options(std::string& text, const std::string& title,
                 const std::vector<const CLI::Option*>& options) {
    if (options.empty()) return;
    text += "\n" + help_line(title);
    for (const CLI::Option* option : options) {
        const std::string fallback = option->get_default_str();
        add_help_row(text, left_side(*option),
                     option->get_description() + (fallback.empty() ? "" : " [" + fallback + "]"));
    }
}

}  // namespace

std::string help_layout::make_help(const CLI::App* command, std::string name,
                                   CLI::AppFormatMode /*mode*/) const {
    std::string usage = fmt::format("{} {}", _("Usage:"), name);
    std::string commands;
    for (const CLI::App* sub : command->get_subcommands({})) {
        usage += (commands.empty() ? " [" : "|") + sub->get_name();
        add_help_row(commands, sub->get_name(), sub->get_description());
    }
    usage += commands.empty() ? "" : "]";
    const auto arguments = command->get_options([](const CLI::Option* one) { return one->get_positional(); });
    for (const CLI::Option* one : arguments)
        usage += " " + value_name(*one);
    std::string text = help_line(usage + _(" [OPTIONS]")) + "\n" + help_line(command->get_description());
    add_options(text, _("Arguments:"), arguments);
    if (!commands.empty()) text += fmt::format("\n{}\n{}", _("Commands:"), commands);
    for (const std::string& group : command->get_groups()) {
        const auto options = command->get_options(
            [&group](const CLI::Option* one) { return one->get_group() == group && one->nonpositional(); });
        add_options(text, group == "Options" ? std::string(_("Options:")) : group + ":", options);
    }
    return text;
}

// CLI11 says what is wrong in English words alone, the option's name before them.
std::string usage_text(const CLI::ParseError& wrong) {
    std::string text = wrong.what();
    const std::string last = text.substr(text.rfind(' ') + 1);
    const std::string name = text.substr(0, text.find_first_of(": "));
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&wrong) != nullptr)
        return sentence(_("{} needs a value"), name);
    if (dynamic_cast<const CLI::ExtrasError*>(&wrong) != nullptr)
        return sentence(_("there is no option {}"), log_safe(last));
    if (dynamic_cast<const CLI::ConversionError*>(&wrong) != nullptr ||
        text.find(": Value ") != std::string::npos || text.find(": Check ") != std::string::npos)
        return sentence(_("the value of an option is not one that it takes: {}"), log_safe(text));
    return text;
}

}  // namespace aperto::cli
