// SPDX-License-Identifier: MIT
//
// The program `aperto`. options/ has the table of its commands and all that is made from it; serve/, send/,
// bench/, journal/, watch/ and lab/ have what each command does; demo is a server and its client at once. What they share is
// here: failure (what is said when something does not work, exit codes, who holds a port), terminal_text
// (what a person reads of a conversation) and http_request (what a browser asks).

#include "cli/failure.hpp"
#include "cli/options/command_line.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "lab/virtual/guest.hpp"
#include "lab/virtual/machine.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace aperto::cli {

namespace {

/// Takes `--lang LANGUAGE` out of the arguments, wherever it stands before a `--`, and sets the language that
/// every later sentence is in. What is wrong with it is returned rather than thrown, in the language of the
/// environment.
std::optional<failure> choose_language(std::vector<std::string>& arguments) {
    const std::string option = "--lang";
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    const auto found = std::find_if(arguments.begin(), end, [&option](const std::string& word) {
        return word == option || word.starts_with(option + "=");
    });
    if (found == end) {
        i18n::init();
        return {};
    }
    std::string language;
    if (*found == option) {
        if (found + 1 == end) {
            i18n::init();
            return failure{exit_usage, _("--lang needs a value: a language, like pt_BR"),
                           _("See  aperto --help")};
        }
        language = *(found + 1);
        arguments.erase(found, found + 2);
    } else {
        language = found->substr(option.size() + 1);
        arguments.erase(found);
    }
    if (!i18n::init(language))
        return failure{exit_usage, sentence(_("no translation for the language \"{}\""), log_safe(language)),
                       _("There are: en, pt_BR")};
    return {};
}

/// A standard descriptor that the caller has closed would be the number of the first thing that is opened, a
/// socket for example, and read and written as if it were the caller's. Such a one is taken here, so that its
/// use fails as before.
void keep_standard_descriptors() {
    for (const int each : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(each, F_GETFD) < 0) ::open("/dev/null", each == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/// What is still to be written goes out; a failure of any write so far is told of.
int flush_output() {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_done;
    return tell({exit_failed,
                 sentence(_("could not write: {}"), system_reason({errno, std::system_category()})),
                 {}});
}

/// Whether this is the first process of a virtual Linux. It has no language and reads no file for one: what it finds
/// by the name of its program is what lies beside the kernel's image, and each look moves the kernel's randomness.
bool is_first_process(const std::vector<std::string>& arguments) {
    return ::getpid() == 1 && arguments == std::vector<std::string>{"lab", lab::first_process_command};
}

int print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    return flush_output();
}

int run(const invocation& asked) {
    switch (asked.what) {
    case invocation::verb::serve:
        return run_serve(asked.serve);
    case invocation::verb::send:
        return run_send(asked.send);
    case invocation::verb::demo:
        return run_demo();
    case invocation::verb::bench:
        return run_bench(asked.bench);
    case invocation::verb::cert: {
        const int code = run_cert(asked.cert);
        const int flushed = flush_output();
        return code == exit_done ? flushed : code;
    }
    case invocation::verb::journal: {
        const int code = run_journal(asked.journal);
        const int flushed = flush_output();
        return code == exit_done ? flushed : code;
    }
    case invocation::verb::lab: {
        const int code = run_lab(asked.lab);
        const int flushed = flush_output();
        return code == exit_done ? flushed : code;
    }
    case invocation::verb::watch:
        return run_watch(asked.watch);
    case invocation::verb::extcap: {
        const int code = run_extcap(asked.extcap);
        const int flushed = flush_output();
        return code == exit_done ? flushed : code;
    }
    case invocation::verb::print:
        break;
    }
    return print(asked.text);
}

int run_arguments(const std::vector<std::string>& arguments) {
    invocation asked;
    try {
        parse_command_line(arguments, asked);
    } catch (const usage_error& wrong) {
        if (asked.what == invocation::verb::lab) refuse_lab(asked.lab, wrong.what());
        const std::string help =
            wrong.command.empty() ? "aperto --help" : "aperto " + wrong.command + " --help";
        return tell({exit_usage, wrong.what(), sentence(_("See  {}"), help)});
    }
    try {
        return run(asked);
    } catch (const usage_error& wrong) {
        return tell({exit_usage, wrong.what(), {}});
    }
}

}  // namespace

}  // namespace aperto::cli

int main(int count, char** words) {
    using namespace aperto::cli;
    try {
        keep_standard_descriptors();
        std::vector<std::string> arguments(words + 1, words + count);
        if (is_first_process(arguments)) aperto::lab::run_as_first_process();
        if (const auto wrong = choose_language(arguments)) return tell(*wrong);
        return run_arguments(arguments);
    } catch (const std::exception& failed) {
        return tell({exit_failed, failed.what(), {}});
    }
}
