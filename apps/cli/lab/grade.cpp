// SPDX-License-Identifier: MIT
#include "cli/failure.hpp"
#include "cli/lab/hand_in.hpp"
#include "cli/lab/lesson.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/scenario/exercise.hpp"
#include "lab/virtual/digest.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <system_error>
#include <tuple>

namespace aperto::cli {

namespace fs = std::filesystem;

namespace {

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

/// RFC 4180, one line. What a spreadsheet would take for a formula begins with an apostrophe.
std::string csv_field(const std::string& written) {
    const auto text = log_safe(written);
    const bool formula =
        !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
    std::string out = formula ? "'" : "";
    for (const char one : text) {
        out += one == '"' ? "\"\"" : std::string(1, one);
    }
    return "\"" + out + "\"";
}

/// How one hand-in is marked.
struct mark {
    std::string refused;  ///< why it does not count; empty when it does
    std::vector<bool> right;
};

/// Whether two have the same answers, two or more of them wrong. Right ones are alike by themselves.
bool same_mistakes(const hand_in& one, const hand_in& another, const mark& marked) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < marked.right.size() && i < one.answers.size(); ++i) {
        wrong += !marked.right[i] && !one.answers[i].empty() ? 1U : 0U;
    }
    return wrong >= 2 && one.answers == another.answers;
}

/// Runs each (lab, seed) once, however many handed it in.
class examiners {
public:
    /// `asked_for`: the one seed that counts; none: any.
    explicit examiners(std::optional<std::uint64_t> asked_for) : asked_for_(asked_for) {}

    mark examine(const hand_in& one) {
        if (asked_for_ && *asked_for_ != one.seed) {
            return {sentence(_("seed {} was asked for"), *asked_for_), {}};
        }
        if (one.questions != questions_digest(one.lab)) {
            return {_("it was asked other questions: the lab's files are not those here"), {}};
        }
        const auto& run = run_of(one.lab, one.seed);
        if (run.report.empty()) {
            return {_("it could not be run here"), {}};
        }
        if (packets_digest(run.report) != one.packets) {
            lab::digest was;
            was.kernel = one.kernel;
            was.programs = one.programs;
            auto why = lab::what_changed(was, run.kernel, run.programs);
            why.insert(why.begin(), _("its run is not what this lab and seed give"));
            return {fmt::format("{}", fmt::join(why, "; ")), {}};
        }
        return {{}, one.is_exercise ? marks_of_exercise(one, run) : marks_of_lesson(one, run)};
    }

    /// What who marks it may want to look at; it counts all the same.
    std::string remark_on(const std::string& path, const hand_in& one, const mark& marked) {
        auto& others = marked_[{one.lab, one.is_exercise, one.seed}];
        const auto find = [&](auto is_it) {
            const auto found = std::find_if(others.begin(), others.end(),
                                            [&](const auto& other) { return is_it(other.second); });
            return found == others.end() ? std::string() : found->first;
        };
        const auto before = find([&](const hand_in& other) { return other.student == one.student; });
        const auto alike = find([&](const hand_in& other) { return same_mistakes(one, other, marked); });
        others.emplace_back(path, one);
        return !before.empty()  ? sentence(_("handed in before, in {}"), before)
               : !alike.empty() ? sentence(_("has the same wrong answers as {}"), alike)
                                : std::string();
    }

private:
    const quiet_run& run_of(const std::string& lab, std::uint64_t seed) {
        const auto found = runs_.find({lab, seed});
        return found != runs_.end() ? found->second : runs_[{lab, seed}] = run_quietly(lab, seed);
    }

    static std::vector<bool> marks_of_lesson(const hand_in& one, const quiet_run& run) {
        const auto scenario = lab::load_scenario(lab::scenario_path(one.lab));
        const auto facts = facts_of(run.report);
        std::vector<bool> out(scenario.questions.size());
        for (std::size_t i = 0; i < out.size() && i < facts.size() && i < one.answers.size(); ++i) {
            out[i] = lab::is_right(scenario.questions[i], facts[i], one.answers[i]);
        }
        return out;
    }

    static std::vector<bool> marks_of_exercise(const hand_in& one, const quiet_run& run) {
        const auto asked = lab::make_exercise(lab::rows_of(run.report), one.seed);
        std::vector<bool> out(asked.items.size());
        for (std::size_t i = 0; i < out.size() && i < one.answers.size(); ++i) {
            out[i] = lab::is_same_answer(asked.items[i].answer, one.answers[i]);
        }
        return out;
    }

    std::optional<std::uint64_t> asked_for_;
    std::map<std::pair<std::string, std::uint64_t>, quiet_run> runs_;
    std::map<std::tuple<std::string, bool, std::uint64_t>, std::vector<std::pair<std::string, hand_in>>>
        marked_;
};

std::string csv_row(const std::string& path, const hand_in& one, const mark& marked,
                    const std::string& remark) {
    std::string marks;
    for (const bool right : marked.right) {
        marks += right ? "1" : "0";
    }
    const auto right = std::count(marked.right.begin(), marked.right.end(), true);
    const auto count = [&](auto value) {
        return marked.refused.empty() ? std::to_string(value) : std::string();
    };
    return fmt::format("{},{},{},{},{},{},{},{},{},{}\n", csv_field(path), csv_field(one.student),
                       csv_field(one.lab), one.is_exercise ? "exercise" : "lesson", one.seed,
                       marked.refused.empty() ? "marked" : "refused", count(right),
                       count(marked.right.size()), csv_field(marks), csv_field(remark));
}

std::vector<std::string> ask_items(const lab::ladder_style& style, const lab::exercise& asked) {
    std::vector<std::string> answers;
    for (std::size_t i = 0; i < asked.items.size(); ++i) {
        print(style.fitted(fmt::format("({})  {}\n", i + 1, asked.items[i].ask), 5));
        print(sentence("     {} ", _("your answer:")));
        std::fflush(stdout);
        std::string line;
        std::getline(std::cin, line);
        answers.emplace_back(lab::trimmed(line));
    }
    return answers;
}

std::vector<std::string> parted(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ';');) {
        out.emplace_back(lab::trimmed(part));
    }
    return out;
}

void write_key(const std::string& path, const lab::exercise& asked) {
    std::ofstream file(path, std::ios::trunc);
    for (std::size_t i = 0; i < asked.items.size(); ++i) {
        file << fmt::format("({})  {}: {}\n", i + 1, asked.items[i].ask, asked.items[i].answer);
    }
    if (!file.flush()) {
        throw std::system_error(errno, std::system_category(), path);
    }
}

}  // namespace

int run_exercise(lab_request request) {
    prepare_hand_in(request);
    const auto& lab = request.names.front();
    const auto seed = request.seed.value_or(lab::load_scenario(lab::scenario_path(lab)).plan.wire.seed);
    const auto run = run_quietly(lab, seed);
    if (run.report.empty()) {
        return run.code;
    }
    const auto asked = lab::make_exercise(lab::rows_of(run.report), seed);
    const auto& style = request.show.style;
    print(style.fitted(sentence(_("An exercise on {}, seed {}\n"), lab, seed)) + "\n");
    print(style.ascii ? lab::to_ascii(asked.table) : asked.table);
    print("\n");
    std::vector<std::string> answers;
    if (request.answers) {
        answers = parted(*request.answers);
    } else if (!request.hand_in.empty() && ::isatty(STDIN_FILENO) != 0) {
        answers = ask_items(style, asked);
    } else {
        for (std::size_t i = 0; i < asked.items.size(); ++i) {
            print(style.fitted(fmt::format("({})  {}\n", i + 1, asked.items[i].ask), 5));
        }
    }
    if (!request.key_path.empty()) {
        write_key(request.key_path, asked);
    }
    if (!request.hand_in.empty()) {
        auto out = make_hand_in(request, lab, seed, run);
        out.is_exercise = true;
        out.answers = answers;
        write_hand_in(request.hand_in, out);
    }
    return exit_done;
}

int grade_hand_ins(const lab_request& request) {
    examiners all(request.seed);
    int code = exit_done;
    print("file,name,lab,kind,seed,result,right,questions,marks,remark\n");
    for (const auto& path : request.names) {
        hand_in one;
        mark marked;
        try {
            one = read_hand_in(path);
            marked = all.examine(one);
        } catch (const lab::bad_input& wrong) {
            marked.refused = wrong.what();
        }
        const bool counts = marked.refused.empty();
        code = counts ? code : exit_failed;
        print(csv_row(path, one, marked, counts ? all.remark_on(path, one, marked) : marked.refused));
        std::fflush(stdout);
    }
    return code;
}

int copy_labs(const lab_request& request) {
    for (const auto& name : request.names) {
        const fs::path from = lab::scenario_path(name);
        for (const auto* const ending : {".toml", ".en.md", ".pt_BR.md"}) {
            const auto source = fs::path(from).replace_extension(ending);
            const auto target = source.filename();
            if (!fs::exists(source)) {
                continue;
            }
            if (fs::exists(target)) {
                throw lab::bad_input(
                    sentence(_("{} is there already; it is not written over"), target.string()));
            }
            fs::copy_file(source, target);
            print(target.string() + "\n");
        }
        print(request.show.style.fitted(
            sentence(_("change it, and run it:  aperto lab run ./{}\n"), from.filename().string())));
    }
    return exit_done;
}

}  // namespace aperto::cli
