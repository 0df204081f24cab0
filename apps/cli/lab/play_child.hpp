// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"

#include <sys/types.h>

#include <string>

namespace aperto::cli {

/// `aperto lab run` of a scenario in a process of its own, which ends with this object, or with this program. What it
/// writes to standard output comes through a pipe.
class play_child {
public:
    /// Throws std::system_error.
    explicit play_child(const std::string& scenario_file);
    /// Asks it to end and, where it does not, ends it.
    ~play_child();
    play_child(const play_child&) = delete;
    play_child& operator=(const play_child&) = delete;

    /// What it writes. Nonblocking.
    int output() const noexcept { return output_.get(); }
    /// What has come, at most so much as a buffer; empty: nothing now. False at the end.
    bool read(std::string& into);
    /// Readable when it has ended.
    int ended() const noexcept { return ended_.get(); }
    /// Once it has ended: its exit code.
    int wait();
    /// What it said on standard error.
    std::string complaints() const;

private:
    descriptor output_;
    descriptor said_;   ///< a file in memory
    descriptor ended_;  ///< a pidfd
    pid_t process_ = -1;
};

}  // namespace aperto::cli
