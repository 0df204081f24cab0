// SPDX-License-Identifier: MIT
#include "cli/failure.hpp"
#include "cli/lab/hand_in.hpp"
#include "cli/lab/lab.hpp"
#include "cli/lab/lesson.hpp"
#include "cli/options/command_line.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/hosts/box.hpp"
#include "lab/scenario/scenario.hpp"
#include "lab/virtual/digest.hpp"
#include "lab/virtual/machine.hpp"
#include "lab/virtual/surroundings.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace aperto::cli {

namespace fs = std::filesystem;

namespace {

/// Where a run without --json writes its events, for their digest alone.
constexpr const char* private_report = "/tmp/.aperto-report-{}.json";

void say(const std::string& text) {
    constexpr std::size_t indent = 7;
    std::fputs(wrap(text + "\n", terminal_columns(STDERR_FILENO), indent).c_str(), stderr);
}

std::string absolute(const std::string& path) { return fs::absolute(path).lexically_normal().string(); }

std::vector<lab::scenario> scenarios_of(const lab_request& request) {
    std::vector<lab::scenario> out;
    for (const auto& name : request.names) {
        out.push_back(lab::load_scenario(lab::scenario_path(name)));
    }
    return out;
}

bool is_run(const lab_request& request) {
    return request.what == lab_request::verb::once || request.what == lab_request::verb::run;
}

bool is_asked_for(const lab_request& request, const std::vector<lab::scenario>& scenarios) {
    return request.in_virtual_linux || !request.hand_in.empty() ||
           std::any_of(scenarios.begin(), scenarios.end(),
                       [](const auto& one) { return one.in_virtual_linux; });
}

/// The programs of the run, each once, as they are found from here.
std::vector<std::string> programs_of(const lab_request& request,
                                     const std::vector<lab::scenario>& scenarios) {
    std::vector<std::string> out;
    const auto add = [&out](const lab::program& one) {
        if (!one.arguments.empty()) {
            out.push_back(one.arguments[0]);
        }
    };
    if (scenarios.empty()) {
        add(request.plan.server_program);
        add(request.plan.client_program);
    }
    for (const auto& one : scenarios) {
        add(one.plan.server_program);
        add(one.plan.client_program);
    }
    return out;
}

std::uint64_t seed_of(const lab_request& request, const std::vector<lab::scenario>& scenarios) {
    return request.seed        ? *request.seed
           : scenarios.empty() ? request.plan.wire.seed
                               : scenarios.front().plan.wire.seed;
}

void tell_end(const lab::machine_result& result, const lab::digest& digest) {
    say(sentence(_("virtual Linux {}: {} s in {} s; seed {}, kernel {}, result {}"), digest.kernel_version,
                 fmt::format("{:.3f}", result.virtual_seconds),
                 fmt::format("{:.1f}", static_cast<double>(result.took.count()) / 1e9), digest.seed,
                 digest.kernel.substr(0, 12), digest.result.substr(0, 12)));
}

int code_of(const lab::machine_result& result, const lab::machine_plan& plan) {
    if (result.timed_out) {
        tell({exit_time_up,
              sentence(_("the run took more than {} s of the wall clock (--wall-limit) and was ended"),
                       std::chrono::duration_cast<std::chrono::seconds>(plan.wall_limit).count()),
              {}});
        return exit_time_up;
    }
    return result.code;
}

/// Every file that the lab itself writes, with the report that a run without --json writes for its digest.
std::vector<std::string> outputs_of(const lab_request& request, const std::vector<lab::scenario>& scenarios) {
    auto with_report = request;
    if (with_report.show.json_path.empty()) {
        with_report.show.json_path = private_report;
    }
    std::vector<std::string> out;
    const auto add = [&out](const std::string& path) {
        if (!path.empty() && path != "-") {
            out.push_back(absolute(path));
        }
    };
    const auto add_run = [&](const std::string& name) {
        const auto files = files_of(with_report, name);
        for (const auto& path :
             {files.json_path, files.capture_path, files.page_path, decisions_file(request, name)}) {
            add(path);
        }
    };
    if (scenarios.empty()) {
        add_run("");
    }
    for (const auto& one : scenarios) {
        add_run(one.name);
    }
    add(request.junit_path);
    return out;
}

/// The machine for this request: everything but what becomes of its results.
lab::machine_plan machine_for(const lab_request& request, const std::vector<lab::scenario>& scenarios,
                              const lab::kernel_image& kernel) {
    lab::machine_plan plan;
    plan.kernel = kernel;
    plan.seed = seed_of(request, scenarios);
    plan.wall_limit = request.wall_limit.value_or(plan.wall_limit);
    plan.notice = say;
    plan.arguments = {"lab"};
    if (request.show.json_path.empty()) {
        plan.arguments.insert(plan.arguments.end(), {"--json", private_report});
    }
    plan.arguments.insert(plan.arguments.end(), request.words.begin(), request.words.end());
    plan.wanted = outputs_of(request, scenarios);
    for (const auto& path : request.keep) {
        plan.kept.push_back(absolute(path));
    }
    return plan;
}

/// As it stands in the plan; `{}` in it stands for anything.
std::string report_of(const lab_request& request) {
    const auto& path = request.show.json_path;
    return path.empty() || path == "-" ? private_report : absolute(path);
}

int run_in_machine(const lab_request& request, const std::vector<lab::scenario>& scenarios) {
    auto plan = machine_for(request, scenarios, need_virtual_kernel());
    const bool to_output = request.show.json_path == "-";
    const auto report = report_of(request);

    lab::digest digest;
    digest.seed = plan.seed;
    digest.kernel = plan.kernel.hash;
    digest.kernel_version = plan.kernel.version;
    digest.arguments = request.words;
    digest.folder = fs::current_path().string();
    digest.programs = lab::hash_programs(programs_of(request, scenarios));
    std::string all;
    plan.printed = [&](std::string_view bytes) {
        if (to_output) {
            all += bytes;
        }
    };
    plan.finished = [&](const std::string& path, std::string& content) {
        if (!lab::is_named_by(path, report)) {
            return true;
        }
        all += content;
        digest.result = lab::result_hash(content);
        content += digest.line();
        return report != private_report;
    };
    const auto result = lab::run_machine(plan);
    digest.result = lab::result_hash(all);
    if (to_output) {
        std::fputs(digest.line().c_str(), stdout);
    }
    if (!result.timed_out && result.interrupted == 0) {
        tell_end(result, digest);
    }
    return code_of(result, plan);
}

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw lab::bad_input(sentence(_("cannot read the report {}"), path));
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The request of a report, from its arguments.
lab_request read_again(const std::vector<std::string>& words) {
    std::vector<std::string> all{"lab"};
    all.insert(all.end(), words.begin(), words.end());
    try {
        return parse_command_line(all).lab;
    } catch (const usage_error& wrong) {
        throw lab::bad_input(wrong.what());
    }
}

/// Runs again what wrote the report, and sets what it says now beside what stands there.
bool verify(const std::string& path) {
    auto then = content_of(path);
    const auto was = lab::digest::take_from(then);
    if (!was) {
        throw lab::bad_input(
            sentence(_("{} is no report of a run in the virtual Linux (--virtual --json FILE)"), path));
    }
    const auto here = fs::current_path();
    fs::current_path(was->folder);
    const auto request = read_again(was->arguments);
    const auto scenarios = scenarios_of(request);
    auto plan = machine_for(request, scenarios, need_virtual_kernel());
    plan.seed = was->seed;
    plan.silent = true;
    const bool to_output = request.show.json_path == "-";
    std::string now;
    const auto report = report_of(request);
    plan.printed = [&](std::string_view bytes) { now += to_output ? bytes : std::string_view{}; };
    plan.finished = [&](const std::string& from, std::string& content) {
        if (lab::is_named_by(from, report) &&
            (report.find("{}") == std::string::npos || from == absolute(path))) {
            now += content;
        }
        return false;
    };
    for (const auto& one :
         lab::what_changed(*was, plan.kernel.hash, lab::hash_programs(programs_of(request, scenarios)))) {
        say(one);
    }
    lab::run_machine(plan);
    fs::current_path(here);
    if (now == then) {
        std::fputs(sentence(_("{}: the same, {} events, result {}\n"), path, lab::count_lines(now),
                            was->result.substr(0, 12))
                       .c_str(),
                   stdout);
        return true;
    }
    const auto at = lab::first_difference(then, now);
    std::fputs(sentence(_("{}: another run from event {} on\n  then  {}\n  now   {}\n"), path, at.number,
                        log_safe(at.then), log_safe(at.now))
                   .c_str(),
               stdout);
    return false;
}

}  // namespace

lab::kernel_image need_virtual_kernel() {
    auto found = lab::find_kernel();
    if (!found && lab::offer_to_build()) {
        found = lab::find_kernel();
    }
    if (!found) {
        throw lab::cannot_here(
            sentence(_("the virtual kernel is not built ({} is not there)"), lab::kernel_path()),
            sentence(_("build it once, in about 5 minutes, with: {}"), lab::build_command()));
    }
    return *found;
}

int run_seed_virtually(const lab::kernel_image& kernel, const std::string& scenario, std::uint64_t seed) {
    const auto request =
        read_again({"run", "--virtual", "--seed", fmt::format("{}", seed), "--show", "none", "--", scenario});
    auto plan = machine_for(request, scenarios_of(request), kernel);
    plan.finished = [](const std::string&, std::string&) { return false; };
    return code_of(lab::run_machine(plan), plan);
}

quiet_run run_quietly(const std::string& lab, std::uint64_t seed) {
    const auto request =
        read_again({"run", "--virtual", "--seed", fmt::format("{}", seed), "--show", "none", "--", lab});
    const auto scenarios = scenarios_of(request);
    auto plan = machine_for(request, scenarios, need_virtual_kernel());
    plan.silent = true;
    plan.apart = true;
    quiet_run out;
    plan.finished = [&](const std::string& path, std::string& content) {
        out.report += lab::is_named_by(path, private_report) ? content : std::string();
        return false;
    };
    out.code = code_of(lab::run_machine(plan), plan);
    out.kernel = plan.kernel.hash;
    out.kernel_version = plan.kernel.version;
    out.programs = lab::hash_programs(programs_of(request, scenarios));
    return out;
}

int verify_reports(const lab_request& request) {
    bool same = true;
    for (const auto& path : request.names) {
        same = verify(path) && same;
    }
    return same ? exit_done : exit_failed;
}

std::optional<int> run_virtually(const lab_request& request) {
    if (lab::inside_virtual_linux() || !is_run(request)) {
        return std::nullopt;
    }
    const auto scenarios = scenarios_of(request);
    if (!is_asked_for(request, scenarios)) {
        if (!lab::kernel_is_built() || lab::hosts_work_here()) {
            return std::nullopt;
        }
        say(_("this machine allows no namespaces: the lab runs in the virtual Linux (--virtual)"));
    }
    std::vector<std::string> names;
    for (const auto& one : scenarios) {
        names.push_back(one.name);
    }
    empty_files(request, names);
    auto asked = request;
    if (scenarios.size() == 1) {
        ask_ahead(asked, scenarios.front());
    }
    const int code = run_in_machine(asked, scenarios);
    if (!request.hand_in.empty() && (code == exit_done || code == exit_failed)) {
        const auto& one = scenarios.front();
        const auto seed = seed_of(request, scenarios);
        auto out = make_hand_in(request, one.name, seed, run_quietly(one.name, seed));
        out.answers = read_answers(one, asked.answers.value_or(std::string()));
        write_hand_in(request.hand_in, out);
        say(sentence(_("{} is what you hand in"), request.hand_in));
    }
    return code;
}

bool virtual_linux_works_here() { return lab::kernel_is_built() && lab::tracing_works_here(); }

std::vector<lab::finding> examine_virtual_linux() {
    const auto kernel = lab::find_kernel();
    auto seen = kernel ? sentence(_("{}, GPL-2.0, SHA-256 {}; configured as in {}"), kernel->version,
                                  kernel->hash, kernel->configuration)
                       : sentence(_("not built; for aperto lab --virtual: {}"), lab::build_command());
    std::vector<lab::finding> out{{_("virtual Linux"), true, std::move(seen), {}}};
    if (kernel && !lab::tracing_works_here()) {
        out.push_back({"ptrace", false,
                       _("this machine forbids ptrace(2), by which a user-mode kernel works"),
                       lab::tracing_remedy()});
    }
    return out;
}

}  // namespace aperto::cli
