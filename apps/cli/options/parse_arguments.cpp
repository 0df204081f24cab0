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

bool is_named(const option_description& option, const std::string& name) {
    return option.name == name || (!option.also.empty() && option.also == name) ||
           (!option.letter.empty() && option.letter == name);
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
        if (is_named(option, name)) return option;
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

/// Hands over what the words say. A mistake is kept, the first of them, and the reading goes on.
class argument_reader {
public:
    argument_reader(const command_description& command, const std::vector<std::string>& words)
        : words_(words) {
        enter(command);
    }

    parsed read() {
        while (at_ < words_.size() && !understood_.help)
            take_word(words_[at_++]);
        if (!understood_.help || mistake_) end();
        return std::move(understood_);
    }

private:
    void enter(const command_description& command) {
        understood_.command = &command;
        understood_.name += (understood_.name.empty() ? "" : " ") + command.name;
        if (command.chosen) command.chosen();
        for (const std::string& name : given_)
            attempt([&] { find_option(command, name); });
        if (command.verbatim) take_rest();
    }

    void take_word(const std::string& word) {
        if (word == "--")
            take_rest();
        else if (word == "--help" || word == "-h")
            understood_.help = true;
        else if (is_option(word))
            attempt([&] { take_option(word); });
        else if (const command_description* const own = command_named(word))
            enter(*own);
        else
            others_.push_back(word);
    }

    void take_rest() {
        others_.insert(others_.end(), words_.begin() + static_cast<std::ptrdiff_t>(at_), words_.end());
        at_ = words_.size();
    }

    const command_description* command_named(const std::string& word) const {
        if (!others_.empty()) return nullptr;
        for (const command_description& own : understood_.command->commands)
            if (own.name == word) return &own;
        return nullptr;
    }

    void take_option(const std::string& word) {
        const command_description& command = *understood_.command;
        option_word given = split_option(word);
        // A word that begins with an unknown letter is shown whole: "-nope".
        const bool known = word[1] == '-' || has_letter(command, given.name);
        const option_description& option = find_option(command, known ? given.name : word);
        given_.push_back(option.name);
        if (option.value.empty()) {
            if (given.value) throw usage_error(sentence(_("{} takes no value"), option.name));
            return option.set({});
        }
        if (option.set_two) return take_two(option, given.value);
        if (!given.value && at_ == words_.size())
            throw usage_error(sentence(_("{} needs a value: {}"), option.name, placeholder(option.value)));
        const std::string& value = given.value ? *given.value : words_[at_++];
        check_choice(option, value);
        option.set(value);
    }

    void take_two(const option_description& option, const std::optional<std::string>& first) {
        const std::size_t needed = first ? 1 : 2;
        if (words_.size() - at_ < needed) {
            at_ = words_.size();
            throw usage_error(sentence(_("{} needs two values: {}"), option.name, placeholder(option.value)));
        }
        const std::string& one = first ? *first : words_[at_++];
        const std::string& other = words_[at_++];
        option.set_two(one, other);
    }

    /// The arguments are complete.
    void end() {
        const command_description& command = *understood_.command;
        attempt([&] {
            if (command.set_arguments)
                command.set_arguments(std::move(others_));
            else if (!others_.empty() && !command.commands.empty())
                unknown_command(others_.front(), command.commands);
            else if (!others_.empty())
                throw usage_error(sentence(_("\"{}\" is one argument too many"), log_safe(others_.front())));
        });
        if (!mistake_) return;
        mistake_->command = understood_.name;
        throw usage_error(*mistake_);
    }

    template <class Action>
    void attempt(Action action) {
        try {
            action();
        } catch (const usage_error& wrong) {
            if (!mistake_) mistake_ = wrong;
        }
    }

    const std::vector<std::string>& words_;
    std::size_t at_ = 0;
    parsed understood_;
    std::vector<std::string> given_;   ///< the options so far
    std::vector<std::string> others_;  ///< what is no option
    std::optional<usage_error> mistake_;
};

}  // namespace

void unknown_command(const std::string& name, const std::vector<command_description>& commands) {
    std::vector<std::string> names;
    for (const command_description* command : listed(commands))
        names.push_back(command->name);
    std::string what = sentence(_("there is no command \"{}\""), log_safe(name));
    if (const std::string near = nearest(name, names); !near.empty())
        what += sentence(_("; did you mean {}?"), near);
    throw usage_error(what);
}

std::vector<std::string> value_choices(std::string_view value) {
    std::vector<std::string> choices;
    while (true) {
        const auto bar = value.find('|');
        choices.emplace_back(value.substr(0, bar));
        if (bar == std::string_view::npos) return choices;
        value.remove_prefix(bar + 1);
    }
}

std::vector<const command_description*> listed(const std::vector<command_description>& commands) {
    std::vector<const command_description*> found;
    for (const command_description& command : commands)
        if (!command.hidden) found.push_back(&command);
    return found;
}

std::vector<const option_description*> all_options(const command_description& command) {
    std::vector<const option_description*> all;
    for (const option_description& option : command.options)
        all.push_back(&option);
    for (const command_description* own : listed(command.commands))
        for (const option_description& option : own->options)
            if (std::none_of(all.begin(), all.end(),
                             [&](const auto* one) { return one->name == option.name; }))
                all.push_back(&option);
    return all;
}

std::vector<argument_choice> all_choices(const command_description& command) {
    std::vector<argument_choice> all = command.choices;
    for (const command_description* own : listed(command.commands))
        all.push_back({own->name, own->summary});
    return all;
}

parsed parse_arguments(const command_description& command, const std::vector<std::string>& arguments) {
    return argument_reader(command, arguments).read();
}

}  // namespace aperto::cli
