// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"
#include "cli/options/description.hpp"
#include "cli/options/help.hpp"
#include "core/log_safe.hpp"
#include "core/nearest.hpp"
#include "core/sentence.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

namespace aperto::cli {

namespace {

bool is_option(const std::string& word) {
    return word.size() > 1 && word[0] == '-' && !std::isdigit(static_cast<unsigned char>(word[1]));
}

[[noreturn]] void unknown_option(const command_description& command, const std::string& name) {
    std::vector<std::string> names{"--help"};
    for (const option_description& option : command.options)
        names.push_back(option.name);
    std::string what = sentence(_("there is no option {}"), log_safe(name));
    if (const std::string near = nearest(name, names); !near.empty())
        what += sentence(_("; did you mean {}?"), near);
    else if (command.name == "send")
        what += _("; text that begins with a dash goes after --");
    throw usage_error(what);
}

const option_description& find_option(const command_description& command, const std::string& name) {
    for (const option_description& option : command.options)
        if (option.name == name || (!option.letter.empty() && option.letter == name)) return option;
    unknown_option(command, name);
}

void check_choice(const option_description& option, const std::string& value) {
    const auto choices = value_choices(option.value);
    if (choices.size() < 2 || std::find(choices.begin(), choices.end(), value) != choices.end()) return;
    throw usage_error(
        sentence(_("{} takes one of {}, not \"{}\""), option.name, option.value, log_safe(value)));
}

/// An option as it stands in one word: "--port", "--port=7000", "-p", "-p7000".
struct option_word {
    std::string name;
    std::optional<std::string> value;
};

option_word split_option(const std::string& word) {
    constexpr std::size_t letter_size = 2;
    if (word[1] != '-') {
        if (word.size() == letter_size) return {word, std::nullopt};
        return {word.substr(0, letter_size), word.substr(letter_size)};
    }
    const auto equals = word.find('=');
    if (equals == std::string::npos) return {word, std::nullopt};
    return {word.substr(0, equals), word.substr(equals + 1)};
}

bool has_letter(const command_description& command, const std::string& letter) {
    return std::any_of(command.options.begin(), command.options.end(),
                       [&letter](const option_description& option) { return option.letter == letter; });
}

}  // namespace

std::vector<std::string> value_choices(std::string_view value) {
    std::vector<std::string> choices;
    while (true) {
        const auto bar = value.find('|');
        choices.emplace_back(value.substr(0, bar));
        if (bar == std::string_view::npos) return choices;
        value.remove_prefix(bar + 1);
    }
}

parsed parse_arguments(const command_description& command, const std::vector<std::string>& arguments) {
    std::vector<std::string> others;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (word == "--") {
            others.insert(others.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                          arguments.end());
            break;
        }
        if (!is_option(word)) {
            others.push_back(word);
            continue;
        }
        if (word == "--help" || word == "-h") return {.help = true};
        option_word given = split_option(word);
        // A word that begins with an unknown letter is shown whole: "-nope".
        const bool known = word[1] == '-' || has_letter(command, given.name);
        const option_description& option = find_option(command, known ? given.name : word);
        if (option.value.empty()) {
            if (given.value) throw usage_error(sentence(_("{} takes no value"), option.name));
            option.set({});
            continue;
        }
        if (!given.value) {
            if (++i == arguments.size())
                throw usage_error(
                    sentence(_("{} needs a value: {}"), option.name, placeholder(option.value)));
            given.value = arguments[i];
        }
        check_choice(option, *given.value);
        option.set(*given.value);
    }
    if (command.set_arguments)
        command.set_arguments(std::move(others));
    else if (!others.empty())
        throw usage_error(sentence(_("\"{}\" is one argument too many"), log_safe(others.front())));
    return {};
}

}  // namespace aperto::cli
