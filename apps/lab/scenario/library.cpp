// SPDX-License-Identifier: MIT
#include "core/nearest.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/scenario/scenario.hpp"
#include "lab/wire/link.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

namespace aperto::lab {

namespace fs = std::filesystem;

namespace {

constexpr std::array<const char*, 16> order{"handshake",   "lost-syn-ack", "refused",      "closing",
                                            "mss-and-mtu", "byte-stream",  "flow-control", "nagle",
                                            "reordering",  "duplicates",   "retransmit",   "corruption",
                                            "rtt-and-rto", "slow-start",   "after-loss",   "keepalive"};

}  // namespace

std::string labs_folder() {
    if (const char* named = std::getenv("APERTO_LABS"); named != nullptr && *named != '\0') {
        return named;
    }
    std::error_code failed;
    const auto program = fs::read_symlink("/proc/self/exe", failed).parent_path();
    for (const auto& candidate :
         {program.parent_path() / "share/aperto/labs", program / "labs", program.parent_path() / "labs",
          program.parent_path().parent_path() / "labs", fs::path("labs")}) {
        if (fs::exists(candidate / "handshake.toml", failed)) {
            return candidate.string();
        }
    }
    return {};
}

std::vector<std::string> lab_names(const std::string& folder) {
    std::vector<std::string> found;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(folder, failed)) {
        if (entry.path().extension() == ".toml") {
            found.push_back(entry.path().stem().string());
        }
    }
    const auto place = [](const std::string& name) {
        return std::find_if(order.begin(), order.end(), [&](const char* one) { return name == one; }) -
               order.begin();
    };
    std::sort(found.begin(), found.end(),
              [&](const auto& a, const auto& b) { return std::pair(place(a), a) < std::pair(place(b), b); });
    return found;
}

std::string scenario_path(const std::string& name) {
    const bool is_path = name.find('/') != std::string::npos || name.ends_with(".toml");
    if (is_path) {
        return name;
    }
    const auto folder = labs_folder();
    if (folder.empty()) {
        throw bad_input(_("the labs that come with aperto were not found; name the folder in APERTO_LABS"));
    }
    const auto names = lab_names(folder);
    if (std::find(names.begin(), names.end(), name) == names.end()) {
        const auto near = nearest(name, names);
        throw bad_input(near.empty() ? sentence(_("there is no lab '{}'; the labs are: {}"), name,
                                                fmt::format("{}", fmt::join(names, ", ")))
                                     : sentence(_("there is no lab '{}'; did you mean '{}'?"), name, near));
    }
    return (fs::path(folder) / (name + ".toml")).string();
}

}  // namespace aperto::lab
