// SPDX-License-Identifier: MIT
#include "cli/lab/lesson.hpp"

#include "cli/failure.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <sstream>

namespace aperto::cli {

namespace {

constexpr std::size_t question_indent = 3;  ///< behind its number

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

std::string bold(const lab::ladder_style& style, const std::string& text) {
    return style.colour ? "\033[1m" + text + "\033[0m" : text;
}

void print_question(const lab::ladder_style& style, std::size_t number, const lab::question_text& one) {
    print(style.fitted(fmt::format("{}  {}\n", number, one.text), question_indent));
    for (const auto& choice : one.choices) {
        print(style.fitted("   " + choice + "\n", question_indent * 2));
    }
}

/// A line from the terminal; none at its end (Ctrl-D).
std::optional<std::string> read_line(const lab::ladder_style& style, const std::string& prompt) {
    print(style.ascii ? lab::to_ascii(prompt) : prompt);
    std::fflush(stdout);
    std::string line;
    if (!std::getline(std::cin, line)) {
        std::cin.clear();
        print("\n");
        return std::nullopt;
    }
    return line;
}

/// Asks until it is an answer, or nothing.
std::string ask(const lab::ladder_style& style, const lab::question& asked) {
    for (;;) {
        const auto line = read_line(style, sentence("   {} ", _("your answer:")));
        if (!line || lab::trimmed(*line).empty()) {
            return {};
        }
        if (auto answer = lab::read_answer(asked, *line)) {
            return *answer;
        }
        print(style.fitted(sentence(_("   please {}; Enter alone leaves it open\n"), lab::answer_hint(asked)),
                           3));
    }
}

/// "20 ms" of what is kept in nanoseconds.
std::string shown_answer(const lab::question& asked, const std::string& answer) {
    if (answer.empty()) {
        return _("no answer");
    }
    if (asked.asks_for_time()) {
        return lab::duration_text(lab::parse_duration(answer));
    }
    return answer.find('.') == std::string::npos ? answer : decimal_text(std::stod(answer));
}

/// The packets that show it, or what else does.
std::string evidence_of(const lab::question& asked, const lab::fact& seen) {
    const bool named = asked.what != lab::question::form::choice && !seen.packets.empty();
    if (!named) {
        return seen.evidence.empty() ? std::string() : " · " + log_safe(seen.evidence);
    }
    constexpr std::size_t named_max = 5;
    const auto end =
        seen.packets.begin() + static_cast<std::ptrdiff_t>(std::min(seen.packets.size(), named_max));
    const auto list = fmt::format("{}", fmt::join(std::vector(seen.packets.begin(), end), ", "));
    return " · " +
           (seen.packets.size() == 1 ? sentence(_("packet {}"), list) : sentence(_("packets {}"), list));
}

std::string verdict_on(const lab::question& asked, const lab::fact& seen, const std::string& answer) {
    if (!seen.known) {
        return _("this run does not show it");
    }
    const auto* const words = lab::is_right(asked, seen, answer) ? _("right: {}")
                              : answer.empty()                   ? _("it is {}")
                                                                 : _("not quite: {}");
    return sentence(words, seen.right) + evidence_of(asked, seen);
}

}  // namespace

bool can_be_asked(const lab_request& request) {
    return request.what == lab_request::verb::run && !request.no_pause && !request.answers &&
           request.names.size() == 1 && request.show.json_path != "-" && !request.until &&
           ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
}

void print_title(const lab::ladder_style& style, const lab::lesson_text& lesson, lab::topic teaches) {
    const auto word = lab::topic_text(teaches);
    const auto used = display_width(lesson.title) + display_width(word);
    const bool beside = style.wraps && !word.empty() && used + 2 <= style.columns;
    if (beside) {
        const auto room = std::string(style.columns - used, ' ');
        const auto line =
            style.ascii ? lab::to_ascii(lesson.title + room + word) : lesson.title + room + word;
        print(bold(style, line) + "\n\n");
        return;
    }
    print(bold(style, style.fitted(word.empty() ? lesson.title : lesson.title + "\n" + word)) + "\n\n");
}

void print_lesson(const lab::ladder_style& style, const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto blanks = std::min(line.find_first_not_of(' '), line.size());
        const bool numbered = line.size() > 2 && line[0] >= '1' && line[0] <= '9' && line[1] == '.';
        const bool choice = blanks == question_indent && line.size() > 4 && line[4] == ')';
        print(style.fitted(line + "\n", line.starts_with("- ") ? 2
                                        : numbered             ? question_indent
                                        : choice               ? 2 * question_indent
                                                               : blanks));
    }
}

std::vector<std::string> ask_questions(const lab::ladder_style& style, const lab::scenario& one,
                                       const lab::lesson_text& lesson) {
    print_title(style, lesson, one.teaches);
    print_lesson(style, lesson.intro + "\n\n");
    std::vector<std::string> answers;
    const auto count = std::min(one.questions.size(), lesson.questions.size());
    for (std::size_t i = 0; i < count; ++i) {
        print_question(style, i + 1, lesson.questions[i]);
        answers.push_back(ask(style, one.questions[i]));
        print("\n");
    }
    read_line(style, _("Enter runs it. "));
    return answers;
}

std::vector<std::string> read_answers(const lab::scenario& one, const std::string& text) {
    std::vector<std::string> out;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ';');) {
        if (out.size() == one.questions.size()) {
            throw lab::bad_input(
                sentence(_("these are more answers than {} has questions: {}"), one.name, text));
        }
        const auto& asked = one.questions[out.size()];
        const auto answer = lab::trimmed(part).empty() ? std::string() : lab::read_answer(asked, part);
        if (!answer) {
            throw lab::bad_input(sentence(_("'{}' does not answer question {}: write {}"),
                                          std::string(lab::trimmed(part)), out.size() + 1,
                                          lab::answer_hint(asked)));
        }
        out.push_back(*answer);
    }
    out.resize(one.questions.size());
    return out;
}

std::string answers_text(const std::vector<std::string>& answers) {
    return fmt::format("{}", fmt::join(answers, ";"));
}

void print_answers(const lab::ladder_style& style, const lab::scenario& one,
                   const std::vector<lab::fact>& facts, const std::vector<std::string>& answers) {
    std::vector<std::string> shown;
    std::size_t widest = 0;
    std::size_t right = 0;
    for (std::size_t i = 0; i < answers.size() && i < facts.size(); ++i) {
        shown.push_back(shown_answer(one.questions[i], answers[i]));
        widest = std::max(widest, display_width(shown.back()));
    }
    print("\n" + bold(style, style.fitted(_("Your answers"))) + "\n");
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const bool good = lab::is_right(one.questions[i], facts[i], answers[i]);
        right += good ? 1 : 0;
        const auto head =
            fmt::format("{}  {}{}  ", i + 1, shown[i], std::string(widest - display_width(shown[i]), ' '));
        const auto line = style.fitted(head + verdict_on(one.questions[i], facts[i], answers[i]) + "\n",
                                       display_width(head));
        const char* const colour = good ? "\033[32m" : answers[i].empty() ? "\033[2m" : "\033[33m";
        print(style.colour ? colour + line.substr(0, line.size() - 1) + "\033[0m\n" : line);
    }
    print(style.fitted(sentence(_("{} of {} right\n"), right, shown.size())));
}

void make_brief(const lab_request& request, lab::show_plan& plan) {
    if (plan.detail == lab::ladder_detail::automatic) {
        plan.detail = lab::ladder_detail::brief;
        plan.folds_checks = !request.all_checks;
    }
}

void ask_ahead(lab_request& request, const lab::scenario& one) {
    const auto lesson = lab::lesson_for(one.path);
    if (!can_be_asked(request) || !lesson || one.questions.empty()) {
        return;
    }
    request.answers = answers_text(ask_questions(request.show.style, one, *lesson));
    std::vector<std::string> told{"--answers", *request.answers};
    if (request.show.detail == lab::ladder_detail::automatic) {
        told.insert(told.end(), {"--show", "brief"});
    }
    request.words.insert(request.words.begin() + 1, told.begin(), told.end());
}

int list_labs(const lab_request& request) {
    const auto folder = lab::labs_folder();
    for (const auto& name : lab::lab_names(folder)) {
        const auto lesson = lab::lesson_for(fmt::format("{}/{}.toml", folder, name));
        print(request.show.style.fitted(fmt::format("  {:<16}{}\n", name, lesson ? lesson->title : ""), 18));
    }
    print(fmt::format("{}  aperto lab run handshake\n", _("run one:")));
    return folder.empty() ? exit_usage : 0;
}

int show_labs(const lab_request& request) {
    for (const auto& name : request.names) {
        const auto path = lab::scenario_path(name);
        const auto lesson = lab::lesson_for(path);
        if (!lesson) {
            throw lab::bad_input(sentence(_("there is no text for {}"), name));
        }
        const auto& style = request.show.style;
        print_title(style, *lesson, lab::load_scenario(path).teaches);
        if (!request.questions_alone) {
            print_lesson(style, lesson->before + "\n\n" + lesson->after + "\n");
            continue;
        }
        print_lesson(style, lesson->intro + "\n\n");
        for (std::size_t i = 0; i < lesson->questions.size(); ++i) {
            print_question(style, i + 1, lesson->questions[i]);
        }
    }
    return 0;
}

}  // namespace aperto::cli
