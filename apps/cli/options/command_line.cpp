// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"

#include "aperto/version.hpp"
#include "cli/options/description.hpp"
#include "cli/options/help.hpp"
#include "core/log_safe.hpp"
#include "core/nearest.hpp"
#include "core/sentence.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>
#include <optional>
#include <utility>

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

[[noreturn]] void unknown_command(const std::string& name, const std::vector<command_description>& commands) {
    std::vector<std::string> names;
    for (const command_description* command : listed(commands))
        names.push_back(command->name);
    std::string what = sentence(_("there is no command \"{}\""), log_safe(name));
    if (const std::string near = nearest(name, names); !near.empty())
        what += sentence(_("; did you mean {}?"), near);
    throw usage_error(what);
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

parsed parse_arguments(const command_description& command, const std::vector<std::string>& arguments) {
    return argument_reader(command, arguments).read();
}

namespace {

command_description describe_demo() {
    return {.name = "demo",
            .summary = _("shows a server and a client talk, and what TCP agreed on"),
            .about = _("Starts a server on port 9999, sends it a message, and shows both sides.\n"
                       "At a terminal the server then goes on serving until Ctrl-C.")};
}

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
    if (asked.what == verb::send) split_hosts(asked.send.host, asked.send.port, asked.send.others);
    if (asked.what == verb::send) complete_tls(asked.send.tls);
    if (asked.what == verb::bench) split_host_and_port(asked.bench.plan.host, asked.bench.plan.port);
    if (asked.what == verb::lab && asked.lab.what == lab_request::verb::once) complete_run(asked.lab);
    if (!asked.serve.check.empty()) take_config(command, asked.serve.check);
    if (asked.what == verb::serve) complete_tls(asked.serve.tls.on, asked.serve.tls.given);
    if (!asked.serve.check.empty()) {
        asked.text = sentence(_("{}: nothing is wrong"), log_safe(asked.serve.check)) + "\n";
        asked.what = verb::print;
    }
}

/// The same once more, while it serves.
serve_request read_serve_again(const std::vector<std::string>& arguments) {
    serve_request again;
    command_description command = describe_serve(again);
    again.words.listen_to(command);
    take_serve_config(command, arguments);
    parse_arguments(command, arguments);
    complete_tls(again.tls.on, again.tls.given);
    return again;
}

void parse_command(const command_description& command, const std::vector<std::string>& arguments,
                   invocation& asked) {
    std::string name = command.name;
    try {
        if (name == "serve") take_serve_config(command, arguments);
        if (name == "serve") asked.serve.read_again = [arguments] { return read_serve_again(arguments); };
        if (name == "lab") asked.lab.words = arguments;
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

struct known_command {
    const char* name;
    verb what;
    command_description (*describe)(invocation& asked);
};

constexpr std::array<known_command, 9> known_commands{{
    {"serve", verb::serve, [](invocation& asked) { return describe_serve(asked.serve); }},
    {"send", verb::send, [](invocation& asked) { return describe_send(asked.send); }},
    {"demo", verb::demo, [](invocation&) { return describe_demo(); }},
    {"cert", verb::cert, [](invocation& asked) { return describe_cert(asked.cert); }},
    {"bench", verb::bench, [](invocation& asked) { return describe_bench(asked.bench); }},
    {"watch", verb::watch, [](invocation& asked) { return describe_watch(asked.watch); }},
    {"journal", verb::journal, [](invocation& asked) { return describe_journal(asked.journal); }},
    {"lab", verb::lab, [](invocation& asked) { return describe_lab(asked.lab); }},
    {"extcap", verb::extcap, [](invocation& asked) { return describe_extcap(asked.extcap); }},
}};

command_description describe(const known_command& known, invocation& asked) {
    command_description command = known.describe(asked);
    assert(command.name == known.name);
    if (known.what == verb::serve) asked.serve.words.listen_to(command);
    command.chosen = [&asked, what = known.what] { asked.what = what; };
    return command;
}

}  // namespace

std::vector<command_description> describe_commands(invocation& asked) {
    std::vector<command_description> commands;
    for (const known_command& each : known_commands)
        commands.push_back(describe(each, asked));
    return commands;
}

void parse_command_line(const std::vector<std::string>& arguments, invocation& asked) {
    if (arguments.empty() || is_one_of(arguments[0], {"--help", "-h", "help"})) {
        asked.text = program_help(describe_commands(asked));
        return;
    }
    const std::string& name = arguments[0];
    const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    if (is_one_of(name, {"--version", "-V"})) {
        asked.text = fmt::format("aperto {}\n", version);
        return;
    }
    if (name == "completion") {
        asked.text = completion_text(rest, describe_commands(asked));
        return;
    }
    // One description alone: a server's start does not pay for the lab's options.
    const auto found = std::find_if(known_commands.begin(), known_commands.end(),
                                    [&name](const known_command& one) { return one.name == name; });
    if (found == known_commands.end()) unknown_command(name, describe_commands(asked));
    parse_command(describe(*found, asked), rest, asked);
}

invocation parse_command_line(const std::vector<std::string>& arguments) {
    invocation asked;
    parse_command_line(arguments, asked);
    return asked;
}

}  // namespace aperto::cli
