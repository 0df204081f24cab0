// SPDX-License-Identifier: MIT
//
// An upgrade: a process that starts takes the listening sockets over from the one that runs, and the one that runs leaves
// once the new one serves. No socket that clients come to is closed with clients waiting in it, and until the new one
// serves nothing of the old one's is changed.
#pragma once

#include "cli/serve/handover_channel.hpp"
#include "io/bound_path.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace aperto::cli {

/// Listening sockets, by who comes to them, and what else the process that serves them has to know.
struct handed_over {
    std::vector<descriptor> service;
    std::vector<descriptor> admin;
    descriptor door;      ///< where the next handover is asked for
    duration watchdog{};  ///< how often the service manager wants to be told that it lives; 0: it does not
};
/// Their numbers: they stay where they are.
std::vector<int> numbers_of(const std::vector<descriptor>& sockets);

/// The server that runs, to the process that is to follow it.
class predecessor {
public:
    /// Asks the one that listens at `path` for its sockets. None where nobody does. Where it dies in the middle, what has
    /// come is all there is. Throws `error`: it does not answer, it refuses, it is another user's, it is no such server.
    static std::unique_ptr<predecessor> ask(const std::string& path);
    /// Tells it that it is not followed, unless `ready` went well.
    ~predecessor();
    predecessor(const predecessor&) = delete;
    predecessor& operator=(const predecessor&) = delete;

    handed_over& sockets() noexcept { return sockets_; }
    /// This process could serve now. When it returns it is to: the other one agrees, or is gone. Throws `error` as `ask`.
    void ready();
    /// This process serves.
    void serving() const noexcept;
    /// 0 where it has not come to say so.
    pid_t process() const noexcept { return process_; }

private:
    explicit predecessor(handover_channel channel) noexcept : channel_(std::move(channel)) {}
    void take_sockets();
    handover_channel channel_;
    handed_over sockets_;
    pid_t process_ = 0;
    bool is_told_ = false;
};

/// Where the process that is to follow this one asks for the sockets: `path`, mode 0600. A thread, which the server does
/// not wait for.
class handover_door {
public:
    /// What the thread calls; none may throw but `sockets`, and they outlive this.
    struct callbacks {
        /// Descriptors of its own, closed once they are sent. Throws `error`.
        std::function<handed_over()> sockets;
        /// That process serves.
        std::function<void(pid_t process)> followed;
        /// It asked, and did not come to serve.
        std::function<void(pid_t process)> not_followed;
    };
    /// `inherited`: listens already; none: listens now, where nobody does. Nobody is answered before `open`. Throws `error`.
    handover_door(const std::string& path, descriptor inherited);
    /// The name goes with it, unless this process is followed or has not come to serve.
    ~handover_door();
    handover_door(const handover_door&) = delete;
    handover_door& operator=(const handover_door&) = delete;

    /// From now on the name is this process's. The thread is confined as its caller is. Throws `error`, std::system_error.
    void open(callbacks to);
    /// Whoever is in the middle of it is told that nothing comes of it. When it returns, nobody is answered any more and
    /// nothing is called; one that was told to serve already follows. Any thread but its own.
    void close() noexcept;

private:
    enum class outcome : unsigned char { followed, not_followed };
    void run() noexcept;
    outcome hand_over(const handover_channel& to) const;
    bool send_sockets(const handover_channel& to) const;

    descriptor listening_;
    descriptor over_;  ///< an eventfd: ends the thread
    io::bound_path name_;
    bool keeps_name_;
    callbacks to_;
    std::mutex joining_;
    std::thread thread_;
};

}  // namespace aperto::cli
