// SPDX-License-Identifier: MIT
#include "cli/lab/lab.hpp"

#include "cli/failure.hpp"
#include "cli/lab/hand_in.hpp"
#include "cli/lab/lesson.hpp"
#include "cli/lab/play.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/hosts/box.hpp"
#include "lab/hosts/program.hpp"
#include "lab/scenario/expectation.hpp"
#include "lab/scenario/scenario.hpp"
#include "lab/view/summary.hpp"
#include "lab/virtual/kernel_image.hpp"
#include "lab/virtual/machine.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include <system_error>

namespace aperto::cli {

namespace {

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

/// What does not fit into a line of the terminal goes on behind so many blanks.
void tell(const std::string& text) {
    constexpr std::size_t indent = 7;
    std::fputs(wrap(text + "\n", terminal_columns(STDERR_FILENO), indent).c_str(), stderr);
}

void complain(const std::string& text) { tell(sentence("{} {}", _("error:"), text)); }

void save_decisions(const std::string& path, const lab::run_report& report) {
    std::ofstream file(path, std::ios::trunc);
    report.decisions.write(file);
    if (!file.flush()) {
        throw std::system_error(errno, std::system_category(), path);
    }
}

void write_junit(const std::string& path, const std::vector<lab::scenario_result>& results) {
    if (path.empty()) {
        return;
    }
    std::ofstream file(path, std::ios::trunc);
    file << lab::junit_xml(results);
    if (!file.flush()) {
        throw std::system_error(errno, std::system_category(), path);
    }
}

/// What the request says about every run, put into one run's plan.
void apply(const lab_request& request, lab::run_plan& plan, const std::vector<lab::expectation>& expected) {
    for (const auto& [key, text] : request.link_changes) {
        plan.wire.link.set(key, text);
    }
    lab::check_plan(plan);
    if (request.seed) {
        plan.wire.seed = *request.seed;
    }
    if (request.timeout) {
        plan.timeout = *request.timeout;
    }
    plan.until = request.until;
    if (request.samples_every != lab::duration{}) {
        plan.samples_every = request.samples_every;
    }
    plan.in_virtual_time = lab::inside_virtual_linux();
    plan.wire.replay = request.replay;
    plan.wire.keep_decisions = !request.save_path.empty();
    plan.wire.keep_events = lab::show::wants_events(request.show, expected);
    plan.wire.keep_bytes =
        !request.show.capture_path.empty() || !request.show.page_path.empty() || request.show.in_words;
}

std::optional<lab::decision_log> read_decisions(const std::string& path) {
    if (path.empty()) {
        return std::nullopt;
    }
    std::ifstream file(path);
    if (!file) {
        throw lab::bad_input(sentence(_("cannot read the decision log {}"), path));
    }
    try {
        return lab::decision_log::read(file);
    } catch (const lab::bad_input& wrong) {
        throw lab::bad_input(path + ": " + wrong.what());
    }
}

/// The code of a run that was to be stopped: whether it was.
int stopped_code(const lab::stop_sign& until, const lab::run_report& report) {
    if (!report.stopped) {
        complain(sentence(_("the run ended before \"{}\" (--until)"), until.text));
    }
    return report.stopped ? exit_done : exit_failed;
}

/// The code a run ends with, its expectations aside.
int run_code(const lab::run_report& report) {
    if (report.interrupted != 0) {
        return exit_by_signal + report.interrupted;
    }
    if (report.timed_out) {
        complain(_("the time was up (--timeout) and the run was ended"));
        return exit_time_up;
    }
    if (report.wire_failed()) {
        return exit_wire;
    }
    if (!report.programs[lab::index(lab::side::client)].started) {
        complain(sentence(_("the server ended with {} before it was ready"),
                          report.programs[lab::index(lab::side::server)].code));
        return exit_failed;
    }
    return report.programs[lab::index(lab::side::client)].code;
}

int run_once(lab_request& request) {
    apply(request, request.plan, {});
    request.show.style.v6 = request.host.v6;
    request.show.title = sentence(_("aperto lab, seed {}"), request.plan.wire.seed);
    lab::show view(request.show, request.plan, {});
    auto watcher = view.watcher();
    watcher.notice = tell;
    const auto ready = watcher.ready;
    watcher.ready = [&](const std::vector<std::string>& missing) {
        ready(missing);
        if (request.show.detail == lab::ladder_detail::all) {
            view.print(_("how TCP is set on both hosts:"));
            view.print("\n" + request.show.style.fitted(
                                  lab::settings_text(request.plan.server.settings, missing), 4));
        }
    };
    const auto report = lab::run_lab_once(request.plan, watcher);
    view.finish(report);
    if (!request.save_path.empty()) {
        save_decisions(request.save_path, report);
    }
    if (request.until && report.interrupted == 0) {
        return stopped_code(*request.until, report);
    }
    const int code = run_code(report);
    const int client = report.programs[lab::index(lab::side::client)].code;
    if (code == client && client != 0) {
        tell(sentence(_("the client ended with {}"), client));
    }
    return code;
}

std::string replay_hint(const lab_request& request, const std::string& saved, const lab::scenario& one) {
    auto out = fmt::format("  {}  aperto lab run {} --seed {}", _("replay:"), one.path, one.plan.wire.seed);
    for (auto [key, text] : request.link_changes) {
        std::replace(key.begin(), key.end(), '_', '-');
        out += fmt::format(" --{} '{}'", key, text);  // it was read as a value, so it has no quotation mark
    }
    if (!saved.empty()) {
        out += " --decisions " + saved;
    }
    return out + "\n";
}

/// What a student reads, and is asked, before the run. Their answers, where there are any.
std::vector<std::string> begin_lesson(const lab_request& request, const lab::scenario& one,
                                      const lab::lesson_text& lesson, lab::show_plan& show_plan) {
    std::vector<std::string> answers;
    if (can_be_asked(request) && !one.questions.empty()) {
        answers = ask_questions(show_plan.style, one, lesson);
        make_brief(request, show_plan);
    } else {
        // In the virtual Linux they were asked, and told, before it was started.
        if (!(request.answers && lab::inside_virtual_linux() &&
              request.show.detail == lab::ladder_detail::brief)) {
            print_title(show_plan.style, lesson, one.teaches);
            print_lesson(show_plan.style, lesson.before + "\n\n");
        }
        if (request.answers) {
            answers = read_answers(one, *request.answers);
        }
    }
    std::fflush(stdout);
    return answers;
}

/// What is said at the end of a scenario's run.
void tell_result(const lab_request& request, const lab::scenario& one, const lab::scenario_result& result) {
    const bool passed = result.passed();
    print(result.error.empty() ? "" : "\n  " + result.error + "\n");
    print(fmt::format("\n  {}  {}\n", passed ? _("PASSED") : _("FAILED"), one.name));
    if (passed) {
        return;
    }
    if (!request.link_changes.empty()) {
        print(request.show.style.fitted(
            sentence(_("  the wire was changed for this run; what is checked is still the lab's own\n")), 2));
    }
    print(replay_hint(request, decisions_file(request, one.name), one));
}

lab::scenario_result run_scenario(const lab_request& request, const std::string& path, int& code) {
    auto one = lab::load_scenario(path);
    if (request.until) {
        one.expected.clear();  // it is not run to its end
        one.questions.clear();
    }
    apply(request, one.plan, one.expected);
    const auto lesson = lab::lesson_for(path);
    auto show_plan = files_of(request, one.name);
    const auto saved = decisions_file(request, one.name);
    show_plan.style.v6 = one.plan.client.v6;
    show_plan.title = lesson ? lesson->title : one.name;
    show_plan.lesson = lesson;
    show_plan.topic = lab::topic_text(one.teaches);
    const bool to_person = request.show.json_path != "-";
    std::vector<std::string> answers;
    if (lesson && to_person) {
        answers = begin_lesson(request, one, *lesson, show_plan);
    }
    lab::show view(show_plan, one.plan, one.expected, one.questions);
    auto watcher = view.watcher();
    watcher.notice = tell;
    const auto report = lab::run_lab_once(one.plan, watcher);
    const lab::scenario_result result{one.name, path, static_cast<double>(report.took.count()) / 1e9,
                                      lab::why_void(report, one.expected), view.finish(report)};
    if (!saved.empty()) {
        save_decisions(saved, report);
    }
    if (request.until && report.interrupted == 0) {
        code = std::max(code, stopped_code(*request.until, report));
        return result;
    }
    if (report.timed_out || report.wire_failed() || report.interrupted != 0) {
        code = run_code(report);
    }
    if (to_person) {
        tell_result(request, one, result);
        if (!answers.empty()) {
            print_answers(show_plan.style, one, view.facts(), answers);
        }
        if (lesson && !lesson->after.empty()) {
            print_lesson(show_plan.style, "\n" + lesson->after + "\n");
        }
    }
    return result;
}

/// Adds to `results` as it goes, so that what was run before something went wrong is kept.
int run_scenarios(const lab_request& request, std::vector<lab::scenario_result>& results) {
    int code = 0;
    std::vector<std::string> paths;
    std::vector<std::string> names;
    for (const auto& name : request.names) {
        paths.push_back(lab::scenario_path(name));
        names.push_back(lab::load_scenario(paths.back()).name);  // every mistake is told before the first run
    }
    empty_files(request, names);
    for (std::size_t i = 0; i < paths.size(); ++i) {
        if (code > exit_by_signal) {
            results.push_back({names[i], paths[i], 0, _("it did not run"), {}});
            continue;
        }
        results.push_back(run_scenario(request, paths[i], code));
        if (code == 0 && !results.back().passed()) {
            code = exit_failed;
        }
    }
    write_junit(request.junit_path, results);
    return code;
}

int examine(const lab_request& request) {
    bool good = true;
    auto parts = lab::examine_machine();
    for (auto& one : examine_virtual_linux()) {
        parts.push_back(std::move(one));
    }
    std::size_t widest = 0;
    for (const auto& one : parts) {
        widest = std::max(widest, display_width(one.what));
    }
    for (const auto& one : parts) {
        const auto& style = request.show.style;
        const auto room = std::string(widest - display_width(one.what) + 2, ' ');
        print(style.fitted(fmt::format("  {} {}{}{}\n", one.good ? "✓" : "✗", one.what, room, one.seen), 6));
        if (!one.remedy.empty()) {
            print(style.fitted("      " + one.remedy + "\n", 6));
        }
        good = good && one.good;
    }
    if (!good && virtual_linux_works_here()) {
        print(_("the lab works here in the virtual Linux\n"));
        return 0;
    }
    print(good ? _("the lab works here\n") : _("the lab cannot work here yet\n"));
    return good ? 0 : exit_cannot_here;
}

int dispatch(lab_request& request, std::vector<lab::scenario_result>& results) {
    request.show.style = lab::style_for(stdout);
    request.show.style.colour = request.show.style.colour && !request.no_colour;
    request.show.style.ascii = request.show.style.ascii || request.ascii;
    request.replay = read_decisions(request.replay_path);
    request.show.folds_checks = request.show.detail == lab::ladder_detail::brief && !request.all_checks;
    if (request.opens_page) {
        return run_play(request);
    }
    if (request.what == lab_request::verb::run && !lab::inside_virtual_linux()) {
        prepare_hand_in(request);
    }
    if (const auto code = run_virtually(request)) {
        return *code;
    }
    switch (request.what) {
    case lab_request::verb::run:
        return run_scenarios(request, results);
    case lab_request::verb::list:
        return list_labs(request);
    case lab_request::verb::show:
        return show_labs(request);
    case lab_request::verb::copy:
        return copy_labs(request);
    case lab_request::verb::exercise:
        return run_exercise(request);
    case lab_request::verb::grade:
        return grade_hand_ins(request);
    case lab_request::verb::verify:
        return verify_reports(request);
    case lab_request::verb::sweep:
        return run_sweep(request);
    case lab_request::verb::doctor:
        return examine(request);
    case lab_request::verb::peer:
        return lab::run_peer(request.names);
    case lab_request::verb::once:
        break;
    }
    empty_files(request, {});
    return run_once(request);
}

/// Nothing ran, or not to the end: the files say so too, rather than tell of an older run.
void record_failure(const lab_request& request, std::vector<lab::scenario_result>& results,
                    const std::string& why) {
    try {
        forget_older_results(request);
        results.push_back({"aperto lab run", {}, 0, why, {}});
        write_junit(request.junit_path, results);
    } catch (const std::exception& failed) {
        complain(log_safe(failed.what()));
    }
}

}  // namespace

int run_lab(lab_request request) {
    std::vector<lab::scenario_result> results;
    try {
        return dispatch(request, results);
    } catch (const lab::bad_input& wrong) {
        complain(wrong.what());
        record_failure(request, results, wrong.what());
        return exit_usage;
    } catch (const lab::cannot_here& refused) {
        complain(sentence(_("the lab cannot work here: {}"), refused.what()));
        tell("       " + refused.remedy());
        record_failure(request, results, refused.what());
        return exit_cannot_here;
    } catch (const lab::machine_failed& failed) {
        complain(failed.what());
        record_failure(request, results, failed.what());
        return exit_machine;
    } catch (const std::exception& failed) {
        complain(log_safe(failed.what()));
        record_failure(request, results, failed.what());
        return exit_failed;
    }
}

void refuse_lab(const lab_request& request, const std::string& why) {
    std::vector<lab::scenario_result> results;
    record_failure(request, results, why);
}

}  // namespace aperto::cli
