// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

namespace aperto::sim {

/// While one lives, this thread is the simulated machines and their network rather than a program on one of
/// them: the memory it takes is not the program's. A test in which a program's memory runs out asks for it.
class machine_work {
public:
    machine_work() noexcept : before_(std::exchange(here(), true)) {}
    machine_work(const machine_work&) = delete;
    machine_work& operator=(const machine_work&) = delete;
    ~machine_work() { here() = before_; }

    static bool& here() noexcept {
        static thread_local bool working = false;
        return working;
    }

private:
    bool before_;
};

/// Within the machine's work: the program's again.
class program_work {
public:
    program_work() noexcept : before_(std::exchange(machine_work::here(), false)) {}
    program_work(const program_work&) = delete;
    program_work& operator=(const program_work&) = delete;
    ~program_work() { machine_work::here() = before_; }

private:
    bool before_;
};

}  // namespace aperto::sim
