// SPDX-License-Identifier: MIT
#include "cli/options/help.hpp"
#include "core/sentence.hpp"

namespace aperto::cli {

namespace {

using std::string;

const string language_values = "en pt_BR";

string joined(const std::vector<string>& words, const string& separator) {
    string all;
    for (const string& word : words)
        all += (all.empty() ? "" : separator) + word;
    return all;
}

bool has_choices(const option_description& option) { return value_choices(option.value).size() > 1; }
/// Its name, and that in another spelling.
std::vector<string> spellings(const option_description& option) {
    return option.also.empty() ? std::vector{option.name} : std::vector{option.name, option.also};
}
string choices_of(const option_description& option) { return joined(value_choices(option.value), " "); }

/// `text` inside single quotes of a POSIX shell.
string quoted(const string& text) {
    string all = "'";
    for (const char c : text)
        all += c == '\'' ? string("'\\''") : string(1, c);
    return all + "'";
}

/// A description inside a zsh _arguments specification, where brackets and colons mean something.
string zsh_text(const string& text) {
    string all;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') all += '\\';
        all += c;
    }
    return all;
}

string names_of(const std::vector<command_description>& commands, const string& separator) {
    std::vector<string> names;
    for (const command_description* command : listed(commands))
        names.push_back(command->name);
    return joined(names, separator);
}

/// The values that may follow an option, as cases on `command:option`.
string bash_value_cases(const command_description& command) {
    string text;
    std::vector<string> free;
    for (const option_description* option : all_options(command)) {
        if (option->value.empty()) continue;
        const string name = command.name + ":";
        const string pattern =
            name + option->name + (option->letter.empty() ? "" : " | " + name + option->letter);
        if (has_choices(*option))
            text += fmt::format("    {}) words='{}' ;;\n", pattern, choices_of(*option));
        else if (option->value == "HOST")
            text += fmt::format(
                "    {}) mapfile -t COMPREPLY < <(compgen -A hostname -- \"$word\"); return ;;\n", pattern);
        else
            free.push_back(pattern);
    }
    if (!free.empty()) text += fmt::format("    {}) return ;;\n", joined(free, " | "));
    return text;
}

string bash_words(const command_description& command) {
    std::vector<string> words;
    for (const argument_choice& choice : all_choices(command))
        words.push_back(choice.value);
    for (const option_description* option : all_options(command))
        for (const string& name : spellings(*option))
            words.push_back(name);
    words.insert(words.end(), {"--lang", "--help"});
    return joined(words, " ");
}

/// What follows the option's name.
string zsh_value(const option_description& option) {
    if (has_choices(option)) return fmt::format(":{}:({})", option.name.substr(2), choices_of(option));
    if (option.value == "HOST") return ":host:_hosts";
    if (option.value.empty()) return {};
    const auto blank = option.set_two ? option.value.find(' ') : string::npos;
    if (blank == string::npos) return fmt::format(":{}: ", option.value);
    return fmt::format(":{}: :{}: ", option.value.substr(0, blank), option.value.substr(blank + 1));
}

string zsh_option(const option_description& option) {
    const string spec = fmt::format("[{}]", zsh_text(option.help)) + zsh_value(option);
    if (!option.also.empty()) return quoted(option.name + spec) + " " + quoted(option.also + spec);
    if (option.letter.empty()) return quoted(option.name + spec);
    return quoted(fmt::format("({} {})", option.letter, option.name)) +
           fmt::format("{{{},{}}}", option.letter, option.name) + quoted(spec);
}

string zsh_common() {
    return quoted(fmt::format("--lang[{}]:language:({})", zsh_text(_("the language to speak")),
                              language_values)) +
           " " + quoted(fmt::format("--help[{}]", zsh_text(_("this help"))));
}

string fish_option(const option_description& option, const string& within) {
    string text;
    for (const string& name : spellings(option)) {
        text += fmt::format("{} -l {}", within, name.substr(2));
        if (!option.letter.empty()) text += " -s " + option.letter.substr(1);
        if (has_choices(option))
            text += fmt::format(" -x -a {}", quoted(choices_of(option)));
        else if (option.value == "HOST")
            text += " -x -a '(__fish_print_hostnames)'";
        else if (!option.value.empty())
            text += " -x";
        text += fmt::format(" -d {}\n", quoted(option.help));
    }
    return text;
}

}  // namespace

string bash_completion(const std::vector<command_description>& commands) {
    string text =
        "# bash completion for aperto, made by `aperto completion bash`\n"
        "_aperto() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' words='' "
        "i\n"
        "    COMPREPLY=()\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case ${COMP_WORDS[i]} in\n";
    text += fmt::format("        {}) command=${{COMP_WORDS[i]}}; break ;;\n", names_of(commands, " | "));
    text += "        esac\n    done\n    case $command:$before in\n";
    text += fmt::format("    *:--lang) words='{}' ;;\n", language_values);
    for (const command_description* command : listed(commands))
        text += bash_value_cases(*command);
    for (const command_description* command : listed(commands))
        text += fmt::format("    {}:*) words='{}' ;;\n", command->name, bash_words(*command));
    text += fmt::format("    *) words='{} --help --version --lang' ;;\n", names_of(commands, " "));
    text +=
        "    esac\n"
        "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
        "}\n"
        "complete -F _aperto aperto\n";
    return text;
}

string zsh_completion(const std::vector<command_description>& commands) {
    string text = "#compdef aperto\n# zsh completion for aperto, made by `aperto completion zsh`\n";
    text += "_aperto() {\n    local state line\n    local -a commands\n    commands=(\n";
    for (const command_description* command : listed(commands))
        text += fmt::format("        {}\n", quoted(command->name + ":" + zsh_text(command->summary)));
    text += fmt::format(
        "    )\n    _arguments -C {} {} '1: :->command' '*:: :->arguments'\n"
        "    case $state in\n    command) _describe command commands ;;\n"
        "    arguments)\n        case $words[1] in\n",
        zsh_common(), quoted(fmt::format("--version[{}]", zsh_text(_("the version")))));
    for (const command_description* command : listed(commands)) {
        text += fmt::format("        {}) _arguments {}", command->name, zsh_common());
        for (const option_description* option : all_options(*command))
            text += " \\\n            " + zsh_option(*option);
        std::vector<string> values;
        for (const argument_choice& choice : all_choices(*command))
            values.push_back(choice.value);
        if (!values.empty())
            text += " \\\n            " + quoted(fmt::format("1: :({})", joined(values, " ")));
        text += " ;;\n";
    }
    return text + "        esac ;;\n    esac\n}\n_aperto \"$@\"\n";
}

string fish_completion(const std::vector<command_description>& commands) {
    string text = "# fish completion for aperto, made by `aperto completion fish`\ncomplete -c aperto -f\n";
    text += fmt::format("complete -c aperto -l help -s h -d {}\n", quoted(_("this help")));
    text += fmt::format("complete -c aperto -l lang -x -a {} -d {}\n", quoted(language_values),
                        quoted(_("the language to speak")));
    text += fmt::format("complete -c aperto -n __fish_use_subcommand -l version -d {}\n",
                        quoted(_("the version")));
    for (const command_description* command : listed(commands)) {
        text += fmt::format("complete -c aperto -n __fish_use_subcommand -a {} -d {}\n", command->name,
                            quoted(command->summary));
        const string within =
            fmt::format("complete -c aperto -n '__fish_seen_subcommand_from {}'", command->name);
        for (const argument_choice& choice : all_choices(*command))
            text += fmt::format("{} -a {} -d {}\n", within, choice.value, quoted(choice.help));
        for (const option_description* option : all_options(*command))
            text += fish_option(*option, within);
    }
    return text;
}

}  // namespace aperto::cli
