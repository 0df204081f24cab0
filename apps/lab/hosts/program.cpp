// SPDX-License-Identifier: MIT
#include "lab/hosts/program.hpp"

#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/hosts/host.hpp"

#include <fcntl.h>
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

std::vector<std::string> lesson(side which) {
    if (which == side::server) {
        return {own_path(), "serve"};
    }
    return {own_path(), "send", "--host", "server", "texto original"};
}

}  // namespace

std::string path_of_program(const std::string& name) {
    if (name.find('/') != std::string::npos) {
        return ::access(name.c_str(), X_OK) == 0 && !std::filesystem::is_directory(name) ? name : "";
    }
    const char* path = std::getenv("PATH");
    std::string_view left = path != nullptr ? path : "/usr/bin:/bin";
    while (!left.empty()) {
        const auto colon = std::min(left.find(':'), left.size());
        const auto candidate = std::filesystem::path(left.substr(0, colon)) / name;
        if (::access(candidate.c_str(), X_OK) == 0) {
            return candidate;
        }
        left.remove_prefix(std::min(colon + 1, left.size()));
    }
    return {};
}

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
    } else if (path_of_program(words->front()).empty()) {
        throw bad_input(sentence(_("there is no program '{}'"), words->front()));
    }
    out.arguments = *words;
    return out;
}

namespace {

using sign = readiness::sign;

[[noreturn]] void refuse(std::string_view text) {
    throw bad_input(
        sentence(_("'{}' is no sign of a server; write tcp, tcp:80, udp:53, line:TEXT or a time such as 2s"),
                 std::string(text)));
}

}  // namespace

readiness parse_readiness(std::string_view text) {
    text = trimmed(text);
    const auto colon = text.find(':');
    const auto name = text.substr(0, colon);
    readiness out;
    if (name == "line" && colon != std::string_view::npos && colon + 1 < text.size()) {
        out.what = sign::line;
        out.line = std::string(text.substr(colon + 1));
    } else if (name == "tcp" || name == "udp") {
        out.what = name == "tcp" ? sign::tcp : sign::udp;
        if (colon != std::string_view::npos) {
            out.port = static_cast<std::uint16_t>(parse_count(text.substr(colon + 1), 1, 65'535));
        }
    } else if (!text.empty() && (text[0] == '.' || (text[0] >= '0' && text[0] <= '9'))) {
        out.what = sign::delay;
        out.delay = parse_duration(text);
    } else {
        refuse(text);
    }
    return out;
}

std::string waiting_text(const readiness& wanted) {
    switch (wanted.what) {
    case sign::line:
        return sentence(_("the client waits for the server to print \"{}\""), log_safe(wanted.line));
    case sign::delay:
        return sentence(_("the client waits until the server has run for {}"), duration_text(wanted.delay));
    case sign::udp:
        return wanted.port == 0
                   ? std::string(_("the client waits for the server to bind a UDP port"))
                   : sentence(_("the client waits for the server to bind UDP port {}"), wanted.port);
    case sign::tcp:
        break;
    }
    return wanted.port == 0
               ? std::string(_("the client waits for the server to listen on a TCP port"))
               : sentence(_("the client waits for the server to listen on TCP port {}"), wanted.port);
}

program_output::program_output() {
    std::array<int, 2> ends{};
    checked(::pipe2(ends.data(), O_CLOEXEC), "make a pipe");
    read_end_ = descriptor(ends[0]);
    write_end_ = descriptor(ends[1]);
    // Our end alone: a program may not know what to do with EAGAIN on its standard output.
    ::fcntl(read_end_.get(), F_SETFL, O_NONBLOCK);
}

bool program_output::read(const line_taker& take) {
    constexpr std::size_t line_max = 8192;
    constexpr int reads_max = 4;  // four pipes full
    std::array<char, 65'536> part{};
    ssize_t size = 0;
    int reads = 0;
    while (read_end_ && reads < reads_max && (size = ::read(read_end_.get(), part.data(), part.size())) > 0) {
        ++reads;
        rest_.append(part.data(), static_cast<std::size_t>(size));
        std::size_t begin = 0;
        for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
            take(rest_.substr(begin, end - begin));
            begin = end + 1;
        }
        rest_.erase(0, begin);
        if (rest_.size() > line_max) {
            take(rest_);
            rest_.clear();
        }
    }
    if (size == 0 && reads < reads_max) {
        read_end_.close();  // poll(2) ignores a negative descriptor: nothing more comes
    }
    return reads > 0;
}

void program_output::finish(const line_taker& take) {
    if (!rest_.empty()) {
        take(rest_);
        rest_.clear();
    }
}

}  // namespace aperto::lab
