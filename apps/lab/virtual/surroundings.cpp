// SPDX-License-Identifier: MIT
#include "lab/virtual/surroundings.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace aperto::lab {

bool tracing_works_here() {
    const pid_t traced = ::fork();
    if (traced == 0) {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0) {
            ::raise(SIGSTOP);
        }
        ::_exit(1);
    }
    int status = 0;
    const bool stopped = traced > 0 && ::waitpid(traced, &status, WUNTRACED) == traced && WIFSTOPPED(status);
    if (stopped) {
        ::kill(traced, SIGKILL);
        ::waitpid(traced, nullptr, 0);
    }
    return stopped;
}

}  // namespace aperto::lab
