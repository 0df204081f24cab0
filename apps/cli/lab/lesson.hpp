// SPDX-License-Identifier: MIT
//
// A lab as a lesson: what a student reads, is asked and answers, on the terminal.
#pragma once

#include "cli/lab/lab.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aperto::cli {

/// Whether somebody sits there who can be asked before this run.
bool can_be_asked(const lab_request& request);

/// A lesson's title, with the lecture's word for what it teaches at the line's end.
void print_title(const lab::ladder_style& style, const lab::lesson_text& lesson, lab::topic teaches);

/// Each of its lines by itself: what does not fit into one goes on below its own text.
void print_lesson(const lab::ladder_style& style, const std::string& text);

/// Shows the questions one by one and takes an answer to each, as `lab::read_answer` gives it; empty where there was
/// none. Returns when the run is to begin.
std::vector<std::string> ask_questions(const lab::ladder_style& style, const lab::scenario& one,
                                       const lab::lesson_text& lesson);

/// The answers of `--answers`, parted by semicolons. Throws `bad_input` for one that cannot be one.
std::vector<std::string> read_answers(const lab::scenario& one, const std::string& text);
/// The same, as `--answers` takes them.
std::string answers_text(const std::vector<std::string>& answers);

/// Each answer beside what happened, and how many are right.
void print_answers(const lab::ladder_style& style, const lab::scenario& one,
                   const std::vector<lab::fact>& facts, const std::vector<std::string>& answers);

/// As a lesson is shown on a terminal, where nothing else was asked for: the rows that say most.
void make_brief(const lab_request& request, lab::show_plan& plan);

/// For a run in the virtual Linux, where nobody can be asked: asks here, and has the answers with the run's arguments.
void ask_ahead(lab_request& request, const lab::scenario& one);

int list_labs(const lab_request& request);
int show_labs(const lab_request& request);

}  // namespace aperto::cli
