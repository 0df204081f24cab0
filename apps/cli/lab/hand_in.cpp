// SPDX-License-Identifier: MIT
#include "cli/lab/hand_in.hpp"

#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/virtual/digest.hpp"

#include <aperto/version.hpp>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace aperto::cli {

namespace {

using json = nlohmann::ordered_json;

constexpr const char* format_name = "aperto hand-in 1";

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw lab::bad_input(sentence(_("cannot read {}"), path));
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A lab that comes with aperto, which everybody has. A path would have who marks it run what the student wrote.
bool is_name_of_lab(const std::string& lab) {
    return lab.find('/') == std::string::npos && !lab.ends_with(".toml");
}

}  // namespace

std::string packets_digest(std::string_view report) {
    std::string kept;
    std::istringstream lines{std::string(report)};
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(R"({"event":"packet")") || line.starts_with(R"({"event":"sample")")) {
            kept += line + "\n";
        }
    }
    return lab::result_hash(kept);
}

std::vector<lab::fact> facts_of(std::string_view report) {
    std::vector<lab::fact> out;
    std::istringstream lines{std::string(report)};
    try {
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with(R"({"event":"fact")")) {
                const auto one = json::parse(line);
                out.push_back({one.at("known"), one.at("right"), one.at("value"), one.at("evidence")});
            }
        }
    } catch (const json::exception& wrong) {
        throw lab::bad_input(sentence(_("cannot read the run's report: {}"), wrong.what()));
    }
    return out;
}

std::string questions_digest(const std::string& lab) {
    const auto path = lab::scenario_path(lab);
    return lab::result_hash(content_of(path) + lab::question_words(path));
}

hand_in make_hand_in(const lab_request& request, const std::string& lab, std::uint64_t seed,
                     const quiet_run& run) {
    hand_in out;
    out.student = request.student;
    out.lab = lab;
    out.seed = seed;
    out.version = version;
    out.kernel = run.kernel;
    out.kernel_version = run.kernel_version;
    out.programs = run.programs;
    out.questions = questions_digest(lab);
    out.packets = packets_digest(run.report);
    return out;
}

void write_hand_in(const std::string& path, const hand_in& what) {
    const json out{{"format", format_name},
                   {"name", what.student},
                   {"lab", what.lab},
                   {"kind", what.is_exercise ? "exercise" : "lesson"},
                   {"seed", what.seed},
                   {"answers", what.answers},
                   {"aperto", what.version},
                   {"kernel", what.kernel},
                   {"kernel_version", what.kernel_version},
                   {"programs", what.programs},
                   {"questions", what.questions},
                   {"packets", what.packets}};
    std::ofstream file(path, std::ios::trunc);
    file << out.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
    if (!file.flush()) {
        throw std::system_error(errno, std::system_category(), path);
    }
}

hand_in read_hand_in(const std::string& path) {
    const auto text = content_of(path);
    try {
        const auto one = json::parse(text);
        const std::string lab = one.at("lab");
        const std::string kind = one.at("kind");
        if (one.at("format") != format_name || !is_name_of_lab(lab) ||
            (kind != "lesson" && kind != "exercise") || !one.at("seed").is_number_unsigned()) {
            throw lab::bad_input(sentence(_("{} is no file of --hand-in"), path));
        }
        hand_in out;
        out.student = one.at("name");
        out.lab = lab;
        out.is_exercise = kind == "exercise";
        out.seed = one.at("seed");
        out.answers = one.at("answers");
        out.version = one.at("aperto");
        out.kernel = one.at("kernel");
        out.kernel_version = one.at("kernel_version");
        out.programs = one.at("programs");
        out.questions = one.at("questions");
        out.packets = one.at("packets");
        return out;
    } catch (const json::exception&) {
        throw lab::bad_input(sentence(_("{} is no file of --hand-in"), path));
    }
}

void prepare_hand_in(lab_request& request) {
    if (request.hand_in.empty()) {
        return;
    }
    if (request.names.size() != 1 || !is_name_of_lab(request.names.front())) {
        throw lab::bad_input(
            _("one lab is handed in at a time, by its name: who marks it has to have the same one"));
    }
    if (!request.link_changes.empty() || request.until || !request.replay_path.empty()) {
        throw lab::bad_input(
            _("a run that was changed or stopped cannot be handed in: leave out the wire's options, --until "
              "and "
              "--decisions"));
    }
    if (request.student.empty() && ::isatty(STDIN_FILENO) != 0) {
        std::fputs(_("your name: "), stdout);
        std::fflush(stdout);
        std::getline(std::cin, request.student);
    }
    if (lab::trimmed(request.student).empty()) {
        throw lab::bad_input(_("whose is it? --name NAME"));
    }
}

}  // namespace aperto::cli
