// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <system_error>

namespace aperto::lab {

/// In the machine's first process: throws std::system_error with errno.
inline void check(bool good, const char* what) {
    if (!good) {
        throw std::system_error(errno, std::system_category(), what);
    }
}

/// The folders of the machine's first process, before `enter_root`.
namespace guest_root {
inline constexpr const char* shared = "/tmp/shared";  ///< the folder that both sides see
inline constexpr const char* upper = "/tmp/upper";    ///< the layer of what is written
}  // namespace guest_root

/// The layers, and the kernel's own file systems. The scratch file system stays reachable through what was
/// opened of it, and through nothing else.
void build_root();

/// By moving the mount, not by a mere chroot(2): whoever is in a changed root may make no user namespace.
void enter_root();

/// Who runs next follows from who woke first, and from nothing else: each runs until it waits, or for a hundredth of a
/// second (SCHED_RR), and sleeps end to the nanosecond. A scheduler that is fair by what each has had, and sleeps that
/// end together with whatever else wakes soon, would let a mere onlooker change the run.
void take_turns();

}  // namespace aperto::lab
