// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/background.hpp"
#include "aperto/task.hpp"

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace aperto::cli {

/// How much of the confinement is wanted.
enum class confinement_mode : unsigned char {
    on,        ///< as far as this kernel can; what it cannot is said
    required,  ///< all of it, or no start
    off,
};

/// Whom `--user` names, as the system's user database has it.
struct account {
    uid_t user = 0;
    gid_t group = 0;
};

/// The account of NAME or NAME:GROUP; none where there is no such user or group.
std::optional<account> find_account(const std::string& name);

/// Becomes `who`, for good, in the whole process; of root's powers only that of binding ports below 1024 is left
/// (capabilities(7)), until `confine`. Before there is a second thread. Throws `error`.
void become(const account& who);

/// What serving needs of the file system once everything is bound and read; beneath each of these.
struct confinement {
    std::vector<std::string> readable{};  ///< to be read again on a signal: certificates, lists
    std::vector<std::string> writable{};  ///< folders of files that are written, made and removed
    std::vector<std::string> emptied{};   ///< folders of which a name may be removed: a Unix socket's
    bool relistens = false;  ///< gives listening sockets that it took over another backlog (listen(2))
};

/// Confines the calling thread, and every thread that it starts from then on, for good:
///
/// - no capability, and no new one by any program (PR_SET_NO_NEW_PRIVS);
/// - no file but those of `to`, no program, no TCP connection to elsewhere and no port, no signal to other processes
///   (landlock(7), as far as the kernel has it);
/// - of system calls those that serving was seen to need; the others fail with EPERM (seccomp(2)).
///
/// A thread reaches into the memory of the others, so that only all of them together are confined: each is to call it
/// before it touches what a client sends. Gives what is left open, in words: what this kernel cannot do, and everything in a
/// build with a sanitizer, whose own calls are not serving's. Throws `error` where a part fails that the kernel has.
std::string confine(const confinement& to);

/// The threads of a server, each as it begins.
class confining {
public:
    confining(confinement_mode mode, confinement needed) : mode_(mode), needed_(std::move(needed)) {}
    /// On a thread, as `confine`; nothing where it is off. Throws `error` also where something is left open and all
    /// was required.
    std::string enter() const;
    /// The same for a thread that serves nobody: where it fails, it fails for those that do, who say so.
    void enter_quietly() const noexcept;
    /// For `options::background`: each worker's thread enters, and goes on with `next` where there is one. `this` outlives
    /// the server.
    std::function<task<>(background&)> on_workers(std::function<task<>(background&)> next = {}) const;

private:
    const confinement_mode mode_;
    const confinement needed_;
};

/// Has the C library read those of its files now that it would read when it first needs them.
void read_files_ahead();

}  // namespace aperto::cli
