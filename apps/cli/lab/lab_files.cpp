// SPDX-License-Identifier: MIT
#include "cli/lab/lab.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>

namespace aperto::cli {

namespace {

constexpr std::string_view place_of_name = "{}";

std::string named(std::string path, const std::string& scenario) {
    if (const auto at = path.find(place_of_name); !scenario.empty() && at != std::string::npos) {
        path.replace(at, place_of_name.size(), scenario);
    }
    return path;
}

bool is_file(const std::string& path) { return !path.empty() && path != "-"; }

/// As they were written.
std::array<std::string, 4> files_of_a_run(const lab_request& request) {
    return {request.show.json_path, request.show.capture_path, request.show.page_path, request.save_path};
}

void need_writable(const std::string& path) {
    const std::ofstream file(path, std::ios::app);
    if (!file) {
        throw lab::bad_input(
            sentence(_("cannot write {}: {}"), path, std::generic_category().message(errno)));
    }
}

/// A device or a pipe has nothing to forget, and may be written any number of times.
bool keeps_what_is_written(const std::string& path) noexcept {
    std::error_code failed;
    const auto status = std::filesystem::status(path, failed);
    return !std::filesystem::exists(status) || std::filesystem::is_regular_file(status);
}

void empty(const std::string& path) noexcept {
    std::error_code failed;
    if (keeps_what_is_written(path)) {
        std::filesystem::resize_file(path, 0, failed);
    }
}

}  // namespace

lab::show_plan files_of(const lab_request& request, const std::string& scenario) {
    auto out = request.show;
    for (auto* path : {&out.json_path, &out.capture_path, &out.page_path}) {
        *path = named(*path, scenario);
    }
    return out;
}

std::string decisions_file(const lab_request& request, const std::string& scenario) {
    return named(request.save_path, scenario);
}

void empty_files(const lab_request& request, const std::vector<std::string>& scenarios) {
    std::set<std::string> all;
    const auto add = [&all](const std::string& path) {
        if (is_file(path) && !all.insert(path).second && keeps_what_is_written(path)) {
            throw lab::bad_input(sentence(
                _("{} would be written twice; write {{}} where the scenario's name is to stand in it"),
                path));
        }
    };
    add(request.junit_path);
    for (std::size_t i = 0; i < std::max<std::size_t>(scenarios.size(), 1); ++i) {
        for (const auto& path : files_of_a_run(request)) {
            add(scenarios.empty() ? path : named(path, scenarios[i]));
        }
    }
    std::for_each(all.begin(), all.end(), need_writable);
    std::for_each(all.begin(), all.end(), empty);
}

void forget_older_results(const lab_request& request) noexcept {
    for (const auto& path : files_of_a_run(request)) {
        if (is_file(path)) {
            empty(path);
        }
    }
}

}  // namespace aperto::cli
