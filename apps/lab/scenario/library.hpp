// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace aperto::lab {

/// What a student reads: before the run what to predict, after it what happened.
struct lesson_text {
    std::string title;
    std::string before;
    std::string after;
};

/// The folder of the labs that come with the program: beside it in a build tree, under share/ in an installed
/// one. `APERTO_LABS` in the environment names another. Empty when there is none.
std::string labs_folder();

/// Names of the labs in their order of teaching.
std::vector<std::string> lab_names(const std::string& folder);

/// The scenario file that `name` means: a lab's name or a path. Throws `bad_input` with the names there are.
std::string scenario_path(const std::string& name);

/// The text that goes with a scenario file, in the reader's language where there is one, else in English: for
/// labs/handshake.toml labs/handshake.pt_BR.md or labs/handshake.en.md. Its first line is the title, a line
/// of `---` divides what is read before the run from what is read after it.
std::optional<lesson_text> lesson_for(const std::string& scenario_file);

}  // namespace aperto::lab
