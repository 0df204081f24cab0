// SPDX-License-Identifier: MIT
#include "aperto/version.hpp"
#include "cli/failure.hpp"
#include "cli/options/help.hpp"
#include "core/sentence.hpp"

namespace aperto::cli {

namespace {

using std::string;

/// Text as troff takes it: a backslash and a dash are not themselves, a line does not begin with a dot.
string troff(const string& text) {
    string all;
    for (const char c : text) {
        if (c == '\\')
            all += "\\e";
        else if (c == '-')
            all += "\\-";
        else if ((c == '.' || c == '\'') && (all.empty() || all.back() == '\n'))
            all += string("\\&") + c;
        else
            all += c;
    }
    return all;
}

void add_option(string& page, const option_description& option) {
    page += ".TP\n";
    if (!option.letter.empty()) page += fmt::format("\\fB{}\\fR, ", troff(option.letter));
    page += fmt::format("\\fB{}\\fR", troff(option.name));
    if (!option.also.empty()) page += fmt::format(", \\fB{}\\fR", troff(option.also));
    if (!option.value.empty()) page += fmt::format(" \\fI{}\\fR", troff(placeholder(option.value)));
    page += fmt::format("\n{}", troff(option.help));
    if (!option.fallback.empty()) page += fmt::format(" [{}]", troff(option.fallback));
    page += '\n';
}

void add_command(string& page, const command_description& command) {
    page += fmt::format(".SS aperto {} {}\n{}\n", troff(command.name), troff(usage_arguments(command)),
                        troff(command.about.empty() ? command.summary : command.about));
    for (const argument_choice& choice : all_choices(command))
        page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", troff(choice.value), troff(choice.help));
    for (const option_description* option : all_options(command))
        add_option(page, *option);
}

void add_exit_codes(string& page) {
    const std::vector<std::pair<int, const char*>> codes{
        {exit_done, _("done")},
        {exit_failed, _("failed in a way that has no code of its own")},
        {exit_usage, _("the arguments make no sense")},
        {exit_no_connection, _("could not connect")},
        {exit_cut_short, _("no reply came, or it was cut short; bench: the server was lost in mid-run, or no "
                           "port was left")},
        {exit_no_listen, _("could not listen")},
        {exit_wire, _("lab: the wire lost what it was not told to lose, so the run does not count")},
        {exit_cannot_here, _("lab: this machine does not allow what it needs")},
        {exit_time_up, _("lab: the time was up")},
        {exit_interrupted,
         _("ended by a signal at the prompt, or in bench: 128 and its number (Ctrl-C: 130)")},
    };
    page += fmt::format(".SH {}\n", _("EXIT STATUS"));
    for (const auto& [code, meaning] : codes)
        page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", code, troff(meaning));
}

}  // namespace

string manual_page(const std::vector<command_description>& commands) {
    string page = fmt::format(".TH APERTO 1 \"\" \"aperto {}\"\n", version);
    page += fmt::format(".SH {}\naperto \\- {}\n", _("NAME"),
                        troff(_("TCP, to use and to see: a server and its client")));
    page += fmt::format(".SH {}\n", _("SYNOPSIS"));
    for (const command_description& command : commands)
        page +=
            fmt::format("\\fBaperto {}\\fR {}{}\n.br\n", troff(command.name), troff(usage_arguments(command)),
                        command.options.empty() ? "" : troff(_(" [OPTIONS]")));
    page += fmt::format(".SH {}\n", _("COMMANDS"));
    for (const command_description* command : listed(commands))
        add_command(page, *command);
    add_exit_codes(page);
    page += fmt::format(".SH {}\n", _("EXAMPLES"));
    for (const command_description& command : commands)
        for (const example& shown : command.examples)
            page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", troff(shown.command), troff(shown.what));
    return page;
}

}  // namespace aperto::cli
