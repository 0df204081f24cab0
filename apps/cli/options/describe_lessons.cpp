// SPDX-License-Identifier: MIT
#include "cli/options/describe_lab.hpp"
#include "core/sentence.hpp"

#include <utility>

namespace aperto::cli {

namespace {

using verb = lab_request::verb;

std::vector<std::string> labs_named(std::vector<std::string> names) {
    if (names.empty()) throw usage_error(_("name a lab; the labs there are:  aperto lab list"));
    return names;
}

}  // namespace

option_description lab_option(std::string name, std::string value, std::string help, std::string fallback,
                              std::function<void(const std::string&)> read) {
    auto take = [name, read = std::move(read)](const std::string& text) {
        read_as(name, [&] { read(text); });
    };
    return {.name = std::move(name),
            .value = std::move(value),
            .help = std::move(help),
            .fallback = std::move(fallback),
            .set = std::move(take)};
}

option_description file_option(std::string name, std::string help, std::string& target) {
    return text_option(std::move(name), "FILE", std::move(help), "", target);
}

std::vector<option_description> hand_in_options(lab_request& request) {
    return {file_option("--hand-in",
                        _("write what is handed in there: the answers, the seed, the run's digest; runs in "
                          "the virtual Linux"),
                        request.hand_in),
            text_option("--name", "NAME", _("whose it is"), "", request.student)};
}

command_description describe_show(lab_request& request) {
    return {.name = "show",
            .summary = _("shows what a student reads before and after a lab"),
            .arguments = "LAB…",
            .options = {flag_option("--questions", _("only what it asks"), request.questions_alone)},
            .chosen = [&request] { request.what = verb::show; },
            .set_arguments =
                [&request](std::vector<std::string> names) {
                    if (names.empty())
                        throw usage_error(_("name a lab; the labs there are:  aperto lab list"));
                    request.names = std::move(names);
                }};
}

command_description describe_copy(lab_request& request) {
    return {.name = "copy",
            .summary = _("copies a lab's files here, to be changed"),
            .arguments = "LAB…",
            .chosen = [&request] { request.what = verb::copy; },
            .set_arguments =
                [&request](std::vector<std::string> names) { request.names = labs_named(std::move(names)); }};
}

command_description describe_exercise(lab_request& request) {
    command_description command{
        .name = "exercise",
        .summary = _("makes an exercise of a lab's run: fields left blank, segments to put in order"),
        .arguments = "LAB",
        .about = _("Runs the lab in the virtual Linux and makes an exercise of the packets: the same for "
                   "everybody who has "
                   "the same lab and seed."),
        .options = hand_in_options(request),
        .chosen = [&request] { request.what = verb::exercise; },
        .set_arguments =
            [&request](std::vector<std::string> names) {
                request.names = labs_named(std::move(names));
                if (request.names.size() > 1) throw usage_error(_("an exercise is made of one lab"));
            }};
    command.options.push_back(number_option("--seed", _("number that all chance comes from"),
                                            _("as the lab says"), 0, seed_max,
                                            [&request](std::uint64_t number) { request.seed = number; }));
    command.options.push_back(file_option("--key", _("write its answers there"), request.key_path));
    command.options.push_back(lab_option("--answers", "ANSWERS",
                                         _("answers to it, in their order: 'SYN; 1; 1460'"), "",
                                         [&request](const std::string& text) { request.answers = text; }));
    return command;
}

command_description describe_grade(lab_request& request) {
    return {
        .name = "grade",
        .summary = _("marks what was handed in, by running it again; CSV"),
        .arguments = "FILE…",
        .about = _("Runs again in the virtual Linux what each of these files of --hand-in says, marks "
                   "its answers, and "
                   "writes a line of CSV for each. One whose run or questions are not those of the lab "
                   "here is refused. The remark tells who handed in before, or has the same wrong answers."),
        .options = {number_option("--seed", _("refuse what was made with another seed"), _("any"), 0,
                                  seed_max, [&request](std::uint64_t number) { request.seed = number; })},
        .chosen = [&request] { request.what = verb::grade; },
        .set_arguments =
            [&request](std::vector<std::string> names) {
                if (names.empty())
                    throw usage_error(_("name a file that was handed in:  aperto lab grade FILE"));
                request.names = std::move(names);
            }};
}

}  // namespace aperto::cli
