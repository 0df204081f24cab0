// SPDX-License-Identifier: MIT
#pragma once

#include "cli/failure.hpp"
#include "cli/serve/handover.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aperto {
class server;
}

namespace aperto::cli {

class admin;
class report;
class service_manager;

/// The part that a server of the program has in upgrades: it follows the one that runs, and is followed by the next.
/// Without a path nothing happens.
class upgrade {
public:
    /// What is handed on, and who is told.
    struct parts {
        server* serving = nullptr;
        admin* watched = nullptr;  ///< none: nobody watches
        report* told = nullptr;
        service_manager* manager = nullptr;
    };

    explicit upgrade(std::string path) : path_(std::move(path)) {}

    /// Has the sockets of the server that runs, where there is one.
    std::optional<failure> follow();
    /// For `options::handed_over`; they stay here.
    std::vector<int> service_sockets() const;
    std::vector<int> admin_sockets() const;
    /// How often the one before had to tell the service manager that it lives; 0: it had not to.
    duration watchdog() const { return before_ ? before_->sockets().watchdog : duration{}; }
    /// Everything is open and confined: from here on this process serves, and the one before leaves. The parts outlive
    /// this.
    std::optional<failure> take_over(const parts& all);
    /// Nobody follows any more. When it returns, none of the parts is touched. Any thread.
    void close() noexcept {
        if (after_) after_->close();
    }
    /// Another process serves in place of this one. Any thread.
    bool is_followed() const noexcept { return is_followed_; }
    /// What the service manager is told once it serves.
    std::string ready_words() const;

private:
    failure explain(const error& cause) const;
    handed_over sockets() const;
    void leave_to(int process);
    void note_not_followed(int process) const;

    const std::string path_;
    parts all_;
    std::atomic<bool> is_followed_ = false;
    std::unique_ptr<predecessor> before_;
    std::unique_ptr<handover_door> after_;  ///< the last member: its thread asks the others
};

}  // namespace aperto::cli
