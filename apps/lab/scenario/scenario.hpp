// SPDX-License-Identifier: MIT
// scenario/: a run: what is to happen, what must be seen, what was.
//
//     scenario             a run written down: the TOML file; plan.cpp, the plan that it makes
//     library.cpp          the labs that come with the program
//     lesson               their texts and questions; question.cpp, what a run says to an answer
//     run.cpp              a run, from the first process to the report
//     socket_watch         looks at the hosts' sockets while it goes on, and stops it where that was asked
//     report               what a run saw, beside what the kernels counted
//     expectation          what must be seen, and whether it was; expectation_parse.cpp reads the sentence
#pragma once

#include "lab/hosts/box.hpp"
#include "lab/hosts/program.hpp"
#include "lab/scenario/expectation.hpp"
#include "lab/scenario/lesson.hpp"
#include "lab/wire/wire.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// A moment of the run, or a packet, at which it is stopped and its sockets are looked at.
struct stop_sign {
    std::optional<instant> moment;
    std::optional<std::uint64_t> packet;  ///< its number
    selector victim = {};                 ///< else
    std::string text;                     ///< as it was written
};

/// Reads "1.5s", "12" or "client data#3". Throws `bad_input`.
stop_sign parse_stop_sign(const std::string& text);

/// Everything one run is told.
struct run_plan {
    wire_plan wire;
    host_plan client;
    host_plan server;
    program server_program;
    program client_program;
    readiness ready;  ///< by what sign of the server the client is started
    duration timeout = std::chrono::seconds(60);
    bool ask_kernel = false;   ///< sample what the kernels say of their connections
    duration samples_every{};  ///< all sockets are looked at; 0: never
    std::optional<stop_sign> until;
    /// Nobody watches in real time: where nothing happens on the wire, it is looked at more and more seldom.
    bool in_virtual_time = false;
};

/// Refuses what cannot be: an MTU that is too small for IPv6. Throws `bad_input`.
void check_plan(const run_plan& plan);

/// Whoever wants to see the run while it goes on. Called on the thread of `run_lab_once`.
struct run_watcher {
    /// Packets, in the order they entered the wire, each once its fate is known.
    std::function<void(const seen_packet&)> packet = [](const seen_packet&) {};
    /// The wall-clock time of the first packet, before it is handed over.
    std::function<void(std::chrono::nanoseconds)> began = [](std::chrono::nanoseconds) {};
    std::function<void(side, const std::string& line)> output = [](side, const std::string&) {};
    /// The hosts are ready and nothing has happened yet; the names are settings this kernel does not have.
    std::function<void(const std::vector<std::string>&)> ready = [](const std::vector<std::string>&) {};
    /// Now and then, every few milliseconds. None of these may wait for anybody: the run's time is theirs.
    std::function<void()> turn = [] {};
    /// Something a person who waits wants to know.
    std::function<void(const std::string&)> notice = [](const std::string&) {};
};

/// Builds the two hosts and the wire, runs the server, then the client, until the client has ended and the
/// connections are closed or the time is up; takes everything down and reports. Throws `cannot_here`,
/// `bad_input` (a program that cannot be started) or std::system_error. Must be called from a process that
/// has no other threads.
run_report run_lab_once(const run_plan& plan, const run_watcher& watcher);

/// A run written down with what must be seen in it: a TOML file (docs/lab.md describes its keys).
struct scenario {
    std::string name;
    std::string path;  ///< empty when it was not read from a file
    run_plan plan;
    std::string server_command;
    std::string client_command;
    std::vector<expectation> expected;
    topic teaches = topic::none;
    std::vector<question> questions;  ///< of its lesson, in their order
    bool in_virtual_linux = false;    ///< in a Linux of its own, in virtual time
};

/// Reads the text of a scenario. Throws `bad_input` whose text begins with "path:line:column: ". Does not
/// look for the programs.
scenario parse_scenario(std::string_view text, const std::string& path);

/// Reads the file and finds its programs. Throws `bad_input`, also when there is no such file.
scenario load_scenario(const std::string& path);

/// The named fault as the command line and scenarios write it: `action` is drop, hold, corrupt, duplicate or
/// mark.
named_fault make_fault(std::string_view action, const std::string& victim, std::string_view time);

/// The folder of the labs that come with the program: beside it in a build tree, under share/ in an installed
/// one. `APERTO_LABS` in the environment names another. Empty when there is none.
std::string labs_folder();

/// Names of the labs in their order of teaching.
std::vector<std::string> lab_names(const std::string& folder);

/// The scenario file that `name` means: a lab's name or a path. Throws `bad_input` with the names there are.
std::string scenario_path(const std::string& name);

}  // namespace aperto::lab
