// SPDX-License-Identifier: MIT
#include "lab/scenario/lesson.hpp"

#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aperto::lab {

namespace fs = std::filesystem;

namespace {

std::optional<std::string> read_text(const fs::path& path) {
    std::ifstream file(path);
    if (!file) {
        return std::nullopt;
    }
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::size_t blanks_before(std::string_view line) {
    return std::min(line.find_first_not_of(' '), line.size());
}

/// "3. ", at the beginning of a line.
bool begins_question(std::string_view line) {
    return line.size() > 3 && line[0] >= '1' && line[0] <= '9' && line[1] == '.' && line[2] == ' ';
}

/// "   b) ".
bool is_choice(std::string_view line) {
    return line.size() > 6 && line.starts_with("   ") && line[3] >= 'a' && line[3] <= 'z' && line[4] == ')';
}

/// The lines of a file as paragraphs: a line that goes on from the one before it, behind the blanks of a
/// list or, in a text without a list, behind none, is joined to it.
std::string joined_lines(std::string_view text) {
    std::string out;
    std::string_view before;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        const auto blanks = blanks_before(line);
        const auto is_plain = [](std::string_view one) {
            return !one.empty() && one.front() != ' ' && !one.starts_with("- ") && !begins_question(one);
        };
        const bool in_list = blanks == 2 || (blanks >= 3 && !is_choice(line) && begins_question(before));
        const bool goes_on = in_list || (is_plain(line) && is_plain(before));
        out += (out.empty() ? "" : goes_on ? " " : "\n") + std::string(line.substr(goes_on ? blanks : 0));
        before = goes_on ? before : line;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

/// Parts what is before the first question from the questions.
void read_questions(lesson_text& out) {
    std::istringstream lines(out.before);
    for (std::string line; std::getline(lines, line);) {
        if (begins_question(line)) {
            out.questions.push_back({line.substr(3), {}});
        } else if (is_choice(line) && !out.questions.empty()) {
            out.questions.back().choices.push_back(line.substr(3));
        } else if (out.questions.empty()) {
            out.intro += line + "\n";
        }
    }
    out.intro = std::string(trimmed(out.intro));
}

}  // namespace

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
    read_questions(out);
    return out;
}

std::string question_words(const std::string& scenario_file) {
    std::string out;
    for (const auto* const language : {"en", "pt_BR"}) {
        out += read_text(fs::path(scenario_file).replace_extension(fmt::format(".{}.md", language)))
                   .value_or("");
    }
    return out;
}

}  // namespace aperto::lab
