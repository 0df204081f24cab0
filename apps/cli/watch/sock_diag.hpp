// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "cli/watch/sample.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aperto::cli {

/// Which sockets of this machine.
struct socket_choice {
    std::optional<std::uint16_t> port = {};  ///< only with this local port
    std::optional<int> process = {};         ///< only those that this process has open
    std::optional<endpoint> address = {};    ///< only with this local address
};

/// The TCP connections of this network namespace, as `ss -ti` has them: a dump by netlink (sock_diag(7)), for which no
/// privilege is needed. The kernel chooses by port; by process it is done here, by the numbers of /proc/PID/fd, which
/// only its owner and root may read. Listening sockets are left out, and what is in TIME_WAIT: nobody has it.
class socket_source final : public connection_source {
public:
    /// Throws `error` where there is no netlink here.
    explicit socket_source(const socket_choice& which);

    void begin() override;
    look take() override { return std::move(found_); }
    std::string name() const override;
    std::string kind() const override { return "sock_diag"; }

private:
    void dump(unsigned char family);
    void read_reply();
    /// False: that was the end.
    bool take_message(const void* header);

    const socket_choice which_;
    aperto::descriptor netlink_;
    std::vector<std::uint64_t> inodes_;  ///< of the process, sorted
    std::vector<char> buffer_;
    look found_;
};

/// Numbers of the sockets that the process has open, sorted. Empty optional: it may not be looked at; errno says why.
std::optional<std::vector<std::uint64_t>> sockets_of_process(int process);
/// Its short name, safe to show; empty where it is not there.
std::string name_of_process(int process);

}  // namespace aperto::cli
