// SPDX-License-Identifier: MIT
#pragma once

#include "lab/hosts/program.hpp"
#include "lab/hosts/readiness.hpp"
#include "lab/hosts/tcp_settings.hpp"
#include "lab/verdict/expectation.hpp"
#include "lab/view/capture_file.hpp"

#include <functional>
#include <string>
#include <vector>

namespace aperto::lab {

/// Everything one run is told.
struct run_plan {
    wire_plan wire;
    host_plan client;
    host_plan server;
    program server_program;
    program client_program;
    readiness ready;  ///< by what sign of the server the client is started
    duration timeout = std::chrono::seconds(60);
    bool ask_kernel = false;  ///< sample what the kernels say of their connections
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

}  // namespace aperto::lab
