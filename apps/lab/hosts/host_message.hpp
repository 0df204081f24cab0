// SPDX-License-Identifier: MIT
#pragma once

#include "core/descriptor.hpp"

#include <cerrno>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace aperto::lab {

/// What a system call returned, unless it is -1; then throws std::system_error that begins with `what`.
inline int checked(int result, const char* what) {
    if (result == -1) {
        throw std::system_error(errno, std::system_category(), what);
    }
    return result;
}

/// One message between the lab and a host process, with the descriptors that travel along (SCM_RIGHTS,
/// unix(7)).
struct message {
    char type = 0;
    int code = 0;
    std::string text;
    std::vector<descriptor> descriptors;
};

/// Sends over a SOCK_SEQPACKET socket. The text may be at most 60,000 bytes, the descriptors at most 16.
/// Returns false when the other end is gone.
bool send_message(int socket, char type, int code, std::string_view text,
                  std::span<const int> descriptors = {});

/// Waits for one; false at the end of the stream or on a signal.
bool receive_message(int socket, message& out);

/// The whole file from its start, however far it was read before; empty when that fails. For /proc's small
/// files.
std::string read_all_at_start(int file);

}  // namespace aperto::lab
