// SPDX-License-Identifier: MIT
#include "lab/hosts/program.hpp"

#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>

namespace aperto::lab {

namespace {

std::string own_path() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

/// Words as a shell splits them; empty when only a shell can tell.
std::optional<std::vector<std::string>> split_words(const std::string& command) {
    std::vector<std::string> words;
    std::optional<std::string> word;
    char quote = '\0';
    constexpr std::string_view for_a_shell = "|&;<>()$`\\*?[]#~{}!\n";
    for (const char c : command) {
        if (quote != '\0') {
            if (c == quote) {
                quote = '\0';
            } else if (quote == '"' && (c == '$' || c == '`' || c == '\\')) {
                return std::nullopt;
            } else {
                *word += c;
            }
        } else if (c == '\'' || c == '"') {
            quote = c;
            word = word.value_or("");
        } else if (c == ' ' || c == '\t') {
            if (word) {
                words.push_back(*word);
                word.reset();
            }
        } else if (for_a_shell.find(c) != std::string_view::npos) {
            return std::nullopt;
        } else {
            word = word.value_or("") + c;
        }
    }
    if (quote != '\0') {
        throw bad_input(sentence(_("'{}' has a quote that does not end"), command));
    }
    if (word) {
        words.push_back(*word);
    }
    return words;
}

bool can_run(const std::string& name) {
    if (name.find('/') != std::string::npos) {
        return ::access(name.c_str(), X_OK) == 0 && !std::filesystem::is_directory(name);
    }
    const char* path = std::getenv("PATH");
    std::string_view left = path != nullptr ? path : "/usr/bin:/bin";
    while (!left.empty()) {
        const auto colon = std::min(left.find(':'), left.size());
        const auto candidate = std::filesystem::path(left.substr(0, colon)) / name;
        if (::access(candidate.c_str(), X_OK) == 0) {
            return true;
        }
        left.remove_prefix(std::min(colon + 1, left.size()));
    }
    return false;
}

std::vector<std::string> lesson(side which) {
    if (which == side::server) {
        return {own_path(), "serve"};
    }
    return {own_path(), "send", "--host", "server", "texto original"};
}

}  // namespace

program read_program(side which, const std::string& command) {
    constexpr std::size_t command_max = 50'000;  // it travels to its host in one message
    if (command.size() > command_max) {
        throw bad_input(sentence(_("a command of {} is too long; the most is {}"), size_text(command.size()),
                                 size_text(command_max)));
    }
    program out{command, {}, false};
    if (command.empty()) {
        out.arguments = lesson(which);
        out.text = which == side::server ? "aperto serve" : "aperto send --host server \"texto original\"";
        return out;
    }
    auto words = split_words(command);
    const auto first_word =
        command.find('=') < command.find(' ') ? std::nullopt : words;  // VAR=value command
    if (!first_word) {
        out.arguments = {"/bin/sh", "-c", command};
        return out;
    }
    if (words->empty()) {
        throw bad_input(_("the command is empty"));
    }
    if (words->front() == "peer") {
        out.ends_by_itself = true;
        words->insert(words->begin(), {own_path(), "lab"});
    } else if (words->front() == "aperto") {
        words->front() = own_path();
    } else if (!can_run(words->front())) {
        throw bad_input(sentence(_("there is no program '{}'"), words->front()));
    }
    out.arguments = *words;
    return out;
}

}  // namespace aperto::lab
