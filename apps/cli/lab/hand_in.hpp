// SPDX-License-Identifier: MIT
//
// What a student hands in, and how it is marked: by running again what they ran, in the virtual Linux.
#pragma once

#include "cli/lab/lab.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace aperto::cli {

/// One run in the virtual Linux of which nothing is printed.
struct quiet_run {
    int code = 0;
    std::string report;  ///< its JSON
    std::string kernel;  ///< SHA-256
    std::string kernel_version;
    std::map<std::string, std::string> programs;  ///< SHA-256 by path
};
quiet_run run_quietly(const std::string& lab, std::uint64_t seed);

/// The packets of a run, as one number: SHA-256 of what its JSON says of them, in no language.
std::string packets_digest(std::string_view report);

/// What the run says to the lesson's questions, of its JSON.
std::vector<lab::fact> facts_of(std::string_view report);

/// The file of `--hand-in`.
struct hand_in {
    std::string student;
    std::string lab;
    bool is_exercise = false;
    std::uint64_t seed = 0;
    std::vector<std::string> answers;
    std::string version;  ///< of aperto
    std::string kernel;
    std::string kernel_version;
    std::map<std::string, std::string> programs;
    std::string questions;  ///< SHA-256 of the lab's files: what was asked
    std::string packets;    ///< `packets_digest` of the run
};

/// Of the lab's scenario and texts.
std::string questions_digest(const std::string& lab);

/// Everything but the answers, for this lab's run.
hand_in make_hand_in(const lab_request& request, const std::string& lab, std::uint64_t seed,
                     const quiet_run& run);
void write_hand_in(const std::string& path, const hand_in& what);
/// Throws `bad_input` where it is none.
hand_in read_hand_in(const std::string& path);

/// Refuses what cannot be handed in, before anything runs. Asks for the name on a terminal. Throws `bad_input`.
void prepare_hand_in(lab_request& request);

/// `aperto lab exercise`, `aperto lab grade`, `aperto lab copy`.
int run_exercise(lab_request request);
int grade_hand_ins(const lab_request& request);
int copy_labs(const lab_request& request);

}  // namespace aperto::cli
