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
#include <fstream>
#include <sstream>

namespace aperto::lab {

namespace fs = std::filesystem;

namespace {

constexpr std::array<const char*, 10> order{"handshake",    "lost-syn-ack", "mss-and-mtu", "byte-stream",
                                            "flow-control", "reordering",   "duplicates",  "retransmit",
                                            "corruption",   "rtt-and-rto"};

std::optional<std::string> read_text(const fs::path& path) {
    std::ifstream file(path);
    if (!file) {
        return std::nullopt;
    }
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The lines of a file as paragraphs: a line that goes on from the one before it, behind the two blanks of a
/// list or, in a text without a list, behind none, is joined to it.
std::string joined_lines(std::string_view text) {
    std::string out;
    std::string_view before;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        const auto blanks = std::min(line.find_first_not_of(' '), line.size());
        const bool plain = blanks == 0 && !line.empty() && !line.starts_with("- ");
        const bool after_plain = !before.empty() && before.front() != ' ' && !before.starts_with("- ");
        const bool goes_on = blanks == 2 || (plain && after_plain);
        out += (out.empty() ? "" : goes_on ? " " : "\n") + std::string(line.substr(goes_on ? blanks : 0));
        before = goes_on ? before : line;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

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

std::optional<lesson_text> lesson_for(const std::string& scenario_file) {
    // TRANSLATORS: the code of the language you translate to, as in labs/handshake.pt_BR.md
    const std::string language = _("en");
    const fs::path file(scenario_file);
    auto text = read_text(fs::path(file).replace_extension("." + language + ".md"));
    if (!text) {
        text = read_text(fs::path(file).replace_extension(".en.md"));
    }
    if (!text) {
        return std::nullopt;
    }
    lesson_text out;
    const auto first = text->find('\n');
    out.title = std::string(trimmed(std::string_view(*text).substr(0, first)));
    while (out.title.starts_with('#') || out.title.starts_with(' ')) {
        out.title.erase(0, 1);
    }
    const auto body = first == std::string::npos ? std::string() : text->substr(first + 1);
    const auto divide = body.find("\n---\n");
    out.before = joined_lines(trimmed(std::string_view(body).substr(0, divide)));
    if (divide != std::string::npos) {
        out.after = joined_lines(trimmed(std::string_view(body).substr(divide + 5)));
    }
    return out;
}

}  // namespace aperto::lab
