// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "aperto/server.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

/// What systemd, or whoever speaks its protocols, hands over when it starts this process, and what it is told:
/// sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3). Without it nothing happens. Takes it out of the
/// environment, since it is for no other process.
class service_manager {
public:
    service_manager();
    ~service_manager();
    service_manager(const service_manager&) = delete;
    service_manager& operator=(const service_manager&) = delete;

    /// The sockets of those numbers or names; where none is asked for, all that were handed over. Throws `error` for a
    /// name that was not.
    std::vector<int> listening(const std::vector<std::string>& asked_for) const;
    /// Its journal reads what is written there (systemd.exec(5), JOURNAL_STREAM).
    static bool keeps_log(int descriptor);
    /// "READY=1". Any thread. Whoever does not read it is not waited for.
    void tell(std::string_view state) const noexcept;
    /// "RELOADING=1", with the time that it asks for (sd_notify(3)); "READY=1" is to follow. Any thread.
    void tell_reloading() const noexcept;
    /// A task of each worker by which the manager is told that all of them turn, twice in each time that it allows; none
    /// where it did not ask. `this` outlives the server.
    std::function<task<>(background&)> watchdog();
    /// The time that it allows; 0: it did not ask. A process that it did not start itself has it from the one that it
    /// follows: before the server starts.
    duration watchdog_limit() const noexcept { return watchdog_; }
    void follow_watchdog(duration limit) noexcept {
        if (watchdog_ <= duration{}) watchdog_ = limit;
    }

private:
    struct watch;
    task<> keep_telling(background& here);

    std::vector<int> sockets_;
    std::vector<std::string> names_;  ///< of each of them
    descriptor notify_;               ///< to the manager's own socket
    duration watchdog_{};
    std::unique_ptr<watch> watch_;
};

}  // namespace aperto::cli
