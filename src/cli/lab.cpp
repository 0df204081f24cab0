// SPDX-License-Identifier: MIT
#include "cli/lab.hpp"

#include "cli/lab_arguments.hpp"
#include "core/i18n.hpp"
#include "core/log_safe.hpp"
#include "lab/bad_input.hpp"
#include "lab/doctor.hpp"
#include "lab/junit.hpp"
#include "lab/library.hpp"
#include "lab/peer.hpp"
#include "lab/scenario.hpp"
#include "lab/sentence.hpp"

#include <cstdio>
#include <exception>
#include <fstream>
#include <system_error>

namespace aperto::cli {

namespace {

constexpr int exit_not_seen = 1;
constexpr int exit_bad_input = 2;
constexpr int exit_wire = 70;
constexpr int exit_cannot_here = 77;
constexpr int exit_timeout = 124;
constexpr int exit_by_signal = 128;  // and the signal's number, as a shell tells it

using lab::sentence;

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

void tell(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

void complain(const std::string& text) { std::fprintf(stderr, "%s %s\n", _("error:"), text.c_str()); }

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
    if (report.interrupted != 0) {
        return exit_by_signal + report.interrupted;
    }
    if (report.timed_out) {
        complain(_("the time was up (--timeout) and the run was ended"));
        return exit_timeout;
    }
    if (report.wire_failed()) {
        return exit_wire;
    }
    if (!report.programs[lab::index(lab::side::client)].started) {
        complain(sentence(_("the server ended with {} before it was ready"),
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
    watcher.notice = tell;
    const auto ready = watcher.ready;
    watcher.ready = [&](const std::vector<std::string>& missing) {
        ready(missing);
        if (request.show.json_path != "-" && request.show.detail == lab::ladder_detail::all) {
            print(_("how TCP is set on both hosts:"));
            print("\n" + lab::settings_text(request.plan.server.settings, missing));
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
        print(lesson->title + "\n\n" + lesson->before + "\n\n");
        std::fflush(stdout);
    }
    lab::show view(show_plan, one.plan, one.expected);
    auto watcher = view.watcher();
    watcher.notice = tell;
    const auto report = lab::run_lab_once(one.plan, watcher);
    lab::scenario_result result{
        one.name, path, static_cast<double>(report.took.count()) / 1e9, {}, view.finish(report)};
    if (!request.save_path.empty()) {
        save_decisions(request.save_path, report);
    }
    if (report.timed_out || report.wire_failed() || report.interrupted != 0) {
        code = run_code(report);
        result.error = report.timed_out     ? _("the time was up")
                       : report.interrupted != 0 ? _("interrupted")
                                            : _("the wire lost what it was not told to lose");
    }
    if (to_person) {
        const bool passed = result.passed();
        print(fmt::format("\n  {}  {}\n", passed ? _("PASSED") : _("FAILED"), one.name));
        print(passed ? "" : replay_hint(request, one));
        if (lesson && !lesson->after.empty()) {
            print("\n" + lesson->after + "\n");
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
        if (code > exit_by_signal) {
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

int list_labs() {
    const auto folder = lab::labs_folder();
    for (const auto& name : lab::lab_names(folder)) {
        const auto lesson = lab::lesson_for(fmt::format("{}/{}.toml", folder, name));
        print(fmt::format("  {:<16}{}\n", name, lesson ? lesson->title : ""));
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
        print(lesson->title + "\n\n" + lesson->before + "\n\n" + lesson->after + "\n");
    }
    return 0;
}

int examine() {
    bool good = true;
    for (const auto& one : lab::examine_machine()) {
        print(fmt::format("  {} {:<22}{}\n", one.good ? "✓" : "✗", one.what, one.seen));
        if (!one.remedy.empty()) {
            print("      " + one.remedy + "\n");
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
        return list_labs();
    case lab_request::verb::show:
        return show_labs(request);
    case lab_request::verb::doctor:
        return examine();
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
        std::fprintf(stderr, "       %s\n", refused.remedy().c_str());
        return exit_cannot_here;
    } catch (const std::exception& failed) {
        complain(log_safe(failed.what()));
        return exit_not_seen;
    }
}

}  // namespace aperto::cli
