// SPDX-License-Identifier: MIT
#include "cli/lab.hpp"

#include "cli/lab_arguments.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "lab/bad_input.hpp"
#include "lab/doctor.hpp"
#include "lab/junit.hpp"
#include "lab/library.hpp"
#include "lab/peer.hpp"
#include "lab/scenario.hpp"
#include "lab/sentence.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include <system_error>

namespace aperto::cli {

namespace {

constexpr int exit_not_seen = 1;
constexpr int exit_bad_input = 2;
constexpr int exit_wire = 70;
constexpr int exit_cannot_here = 77;
constexpr int exit_timeout = 124;
constexpr int exit_interrupted = 130;

using lab::sentence;

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

void complain(const std::string& text) {
    constexpr std::size_t indent = 7;
    const auto whole = sentence("{} {}\n", _("error:"), text);
    std::fputs(wrap(whole, terminal_columns(STDERR_FILENO), indent).c_str(), stderr);
}

/// Each of its lines by itself: what does not fit into one goes on below its own text.
void print_lesson(const lab::ladder_style& style, const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto blanks = std::min(line.find_first_not_of(' '), line.size());
        print(style.fitted(line + "\n", line.starts_with("- ") ? 2 : blanks));
    }
}

void save_decisions(const std::string& path, const lab::run_report& report) {
    std::ofstream file(path, std::ios::trunc);
    report.decisions.write(file);
    if (!file.flush()) {
        throw std::system_error(errno, std::system_category(), path);
    }
}

/// A file that cannot be written is told before the run, not after it.
void need_writable(std::initializer_list<std::string> paths) {
    for (const auto& path : paths) {
        if (path.empty() || path == "-") {
            continue;
        }
        const std::ofstream file(path, std::ios::app);
        if (!file) {
            throw lab::bad_input(
                sentence(_("cannot write {}: {}"), path, std::generic_category().message(errno)));
        }
    }
}

/// What the request says about every run, put into one run's plan.
void apply(const lab_request& request, lab::run_plan& plan, const std::vector<lab::expectation>& expected) {
    if (request.seed) {
        plan.wire.seed = *request.seed;
    }
    if (!request.replay_path.empty()) {
        std::ifstream file(request.replay_path);
        if (!file) {
            throw lab::bad_input(sentence(_("cannot read the decision log {}"), request.replay_path));
        }
        try {
            plan.wire.replay = lab::decision_log::read(file);
        } catch (const lab::bad_input& wrong) {
            throw lab::bad_input(request.replay_path + ": " + wrong.what());
        }
    }
    plan.wire.keep_decisions = !request.save_path.empty();
    plan.wire.keep_events = lab::show::wants_events(request.show, expected);
    plan.wire.keep_bytes = !request.show.capture_path.empty();
}

/// The code a run ends with, its expectations aside.
int run_code(const lab::run_report& report) {
    if (report.interrupted) {
        return exit_interrupted;
    }
    if (report.timed_out) {
        complain(_("the time was up (--timeout) and the run was ended"));
        return exit_timeout;
    }
    if (report.wire_failed()) {
        return exit_wire;
    }
    if (!report.programs[lab::index(lab::side::client)].started) {
        complain(sentence(_("the server ended with {} before it listened"),
                          report.programs[lab::index(lab::side::server)].code));
        return exit_not_seen;
    }
    return report.programs[lab::index(lab::side::client)].code;
}

int run_once(lab_request& request) {
    apply(request, request.plan, {});
    request.show.title = sentence(_("aperto lab, seed {}"), request.plan.wire.seed);
    lab::show view(request.show, request.plan, {});
    auto watcher = view.watcher();
    const auto ready = watcher.ready;
    watcher.ready = [&](const std::vector<std::string>& missing) {
        ready(missing);
        if (request.show.json_path != "-" && request.show.detail == lab::ladder_detail::all) {
            print(_("how TCP is set on both hosts:"));
            print("\n" +
                  request.show.style.fitted(lab::settings_text(request.plan.server.settings, missing), 4));
        }
    };
    const auto report = lab::run_lab_once(request.plan, watcher);
    view.finish(report);
    if (!request.save_path.empty()) {
        save_decisions(request.save_path, report);
    }
    return run_code(report);
}

std::string replay_hint(const lab_request& request, const lab::scenario& one) {
    auto out = fmt::format("  {}  aperto lab run {} --seed {}", _("replay:"), one.path, one.plan.wire.seed);
    if (!request.save_path.empty()) {
        out += " --decisions " + request.save_path;
    }
    return out + "\n";
}

lab::scenario_result run_scenario(const lab_request& request, const std::string& path, int& code) {
    auto one = lab::load_scenario(path);
    apply(request, one.plan, one.expected);
    const auto lesson = lab::lesson_for(path);
    auto show_plan = request.show;
    show_plan.style.v6 = one.plan.client.v6;
    show_plan.title = lesson ? lesson->title : one.name;
    const bool to_person = request.show.json_path != "-";
    if (lesson && to_person) {
        print_lesson(show_plan.style, lesson->title + "\n\n" + lesson->before + "\n\n");
        std::fflush(stdout);
    }
    lab::show view(show_plan, one.plan, one.expected);
    const auto report = lab::run_lab_once(one.plan, view.watcher());
    lab::scenario_result result{
        one.name, path, static_cast<double>(report.took.count()) / 1e9, {}, view.finish(report)};
    if (!request.save_path.empty()) {
        save_decisions(request.save_path, report);
    }
    if (report.timed_out || report.wire_failed() || report.interrupted) {
        code = run_code(report);
        result.error = report.timed_out     ? _("the time was up")
                       : report.interrupted ? _("interrupted")
                                            : _("the wire lost what it was not told to lose");
    }
    if (to_person) {
        const bool passed = result.passed();
        print(fmt::format("\n  {}  {}\n", passed ? _("PASSED") : _("FAILED"), one.name));
        print(passed ? "" : replay_hint(request, one));
        if (lesson && !lesson->after.empty()) {
            print_lesson(show_plan.style, "\n" + lesson->after + "\n");
        }
    }
    return result;
}

int run_scenarios(const lab_request& request) {
    std::vector<lab::scenario_result> results;
    int code = 0;
    std::vector<std::string> paths;
    for (const auto& name : request.names) {
        paths.push_back(lab::scenario_path(name));
        (void)lab::load_scenario(paths.back());  // every mistake is told before the first run
    }
    for (const auto& path : paths) {
        results.push_back(run_scenario(request, path, code));
        if (code == 0 && !results.back().passed()) {
            code = exit_not_seen;
        }
        if (code == exit_interrupted) {
            break;
        }
    }
    if (!request.junit_path.empty()) {
        std::ofstream file(request.junit_path, std::ios::trunc);
        file << lab::junit_xml(results);
        if (!file.flush()) {
            throw std::system_error(errno, std::system_category(), request.junit_path);
        }
    }
    return code;
}

int list_labs(const lab_request& request) {
    const auto folder = lab::labs_folder();
    for (const auto& name : lab::lab_names(folder)) {
        const auto lesson = lab::lesson_for(fmt::format("{}/{}.toml", folder, name));
        print(request.show.style.fitted(fmt::format("  {:<16}{}\n", name, lesson ? lesson->title : ""), 18));
    }
    print(fmt::format("{}  aperto lab run handshake\n", _("run one:")));
    return folder.empty() ? exit_bad_input : 0;
}

int show_labs(const lab_request& request) {
    for (const auto& name : request.names) {
        const auto lesson = lab::lesson_for(lab::scenario_path(name));
        if (!lesson) {
            throw lab::bad_input(sentence(_("there is no text for {}"), name));
        }
        print_lesson(request.show.style,
                     lesson->title + "\n\n" + lesson->before + "\n\n" + lesson->after + "\n");
    }
    return 0;
}

int examine(const lab_request& request) {
    bool good = true;
    const auto parts = lab::examine_machine();
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
    print(good ? _("the lab works here\n") : _("the lab cannot work here yet\n"));
    return good ? 0 : exit_cannot_here;
}

int dispatch(const std::vector<std::string>& args) {
    auto request = read_lab_arguments(args);
    if (request.exit_now) {
        return *request.exit_now;
    }
    need_writable({request.show.json_path, request.show.capture_path, request.show.page_path,
                   request.save_path, request.junit_path});
    switch (request.what) {
    case lab_request::verb::run:
        return run_scenarios(request);
    case lab_request::verb::list:
        return list_labs(request);
    case lab_request::verb::show:
        return show_labs(request);
    case lab_request::verb::doctor:
        return examine(request);
    case lab_request::verb::once:
        break;
    }
    return run_once(request);
}

}  // namespace

int run_lab(std::vector<std::string> args) {
    if (!args.empty() && args[0] == "peer") {
        return lab::run_peer({args.begin() + 1, args.end()});
    }
    try {
        return dispatch(args);
    } catch (const lab::bad_input& wrong) {
        complain(wrong.what());
        return exit_bad_input;
    } catch (const lab::cannot_here& refused) {
        complain(sentence(_("the lab cannot work here: {}"), refused.what()));
        std::fputs(wrap("       " + refused.remedy() + "\n", terminal_columns(STDERR_FILENO), 7).c_str(),
                   stderr);
        return exit_cannot_here;
    } catch (const std::exception& failed) {
        complain(log_safe(failed.what()));
        return exit_not_seen;
    }
}

}  // namespace aperto::cli
