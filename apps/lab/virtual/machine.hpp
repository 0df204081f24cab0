// SPDX-License-Identifier: MIT
// virtual/: a run in a Linux of its own, in virtual time (docs/virtual.md).
//
//     machine              the virtual machine, from outside: its start, what goes in, what comes back
//     janitor              the process that starts the kernel, and leaves nothing of it
//     kernel_image         the kernel that tools/virtual-linux built
//     guest                the machine's first process, from inside; guest_root makes its file system
//     guest_request        what one hands the other
//     digest               what a run was made of and what it gave; sha256 computes it
//     surroundings         whether this machine could do without
#pragma once

#include "lab/analysis/quantity.hpp"
#include "lab/virtual/kernel_image.hpp"

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace aperto::lab {

/// In the environment of what runs inside.
inline constexpr const char* inside_variable = "APERTO_INSIDE_VIRTUAL";
/// The command of this program that is the machine's first process; not for people.
inline constexpr const char* first_process_command = "virtual-first-process";

/// One run of this program in a Linux of its own, in virtual time.
struct machine_plan {
    kernel_image kernel;
    std::uint64_t seed = 0;              ///< all of the kernel's randomness comes from it
    std::vector<std::string> arguments;  ///< of this program
    std::vector<std::string> wanted;     ///< the lab's own outputs, absolute
    std::vector<std::string> kept;       ///< other files to bring back, absolute
    duration wall_limit = std::chrono::minutes(10);
    /// Something a person who waits wants to know.
    std::function<void(const std::string&)> notice = [](const std::string&) {};
    /// What is brought back is handed over before it is written: the file's path, its content. False: it is
    /// not to be written.
    std::function<bool(const std::string& path, std::string& content)> finished =
        [](const std::string&, std::string&) { return true; };
    bool silent = false;  ///< nothing of what is printed comes out
    /// Nothing of where it is started reaches the run: environment, folder, terminal and standard input are the same
    /// everywhere, so that two people's runs can be set side by side.
    bool apart = false;
    /// Sees what is printed on standard output, as it is passed on.
    std::function<void(std::string_view)> printed = [](std::string_view) {};
};

struct machine_result {
    int code = 0;                ///< of the program inside; 128 and the signal where it was ended by one
    int interrupted = 0;         ///< the signal that ended the run, or 0
    bool timed_out = false;      ///< the bound of the wall clock was passed
    double virtual_seconds = 0;  ///< since the machine began
    duration took{};             ///< of the wall clock
};

/// The machine itself failed: its kernel did not start, or ended before the run had.
class machine_failed : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What allows ptrace(2) where it is forbidden.
std::string tracing_remedy();

/// Runs it. Standard input is read to its end before the run begins, unless it is a terminal; what the program
/// prints comes out as it is printed. Nothing is left of the machine when this process ends, however it ends.
/// Throws `machine_failed`, and `cannot_here` where the machine forbids what a user-mode kernel needs.
machine_result run_machine(const machine_plan& plan);

}  // namespace aperto::lab
