// SPDX-License-Identifier: MIT
#include "lab/virtual/surroundings.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace aperto::lab {

bool namespaces_work_here() {
    if (::access("/dev/net/tun", R_OK | W_OK) != 0) {
        return false;
    }
    const pid_t tries = ::fork();
    if (tries == 0) {
        ::_exit(::unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
    }
    int status = 1;
    return tries > 0 && ::waitpid(tries, &status, 0) == tries && status == 0;
}

}  // namespace aperto::lab
