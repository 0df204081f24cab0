// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

namespace aperto::lab {

/// Makes a user namespace for the calling process, in which everybody is who they were outside: a program
/// that refuses to run as root does not meet root. Whoever may map every user and group (root) has them all,
/// so that a server may change its user; anybody else has their own user and group alone.
///
/// The maps of all can be written only from outside (user_namespaces(7)), by `map_all_ids` in the process
/// that holds the other end of `outside`, a pair of sockets. Throws std::system_error.
void enter_user_namespace(int outside);

/// The part of the process outside: waits until `child` has its namespace, and maps what it may.
void map_all_ids(pid_t child, int inside);

}  // namespace aperto::lab
