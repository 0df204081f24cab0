// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

namespace aperto {

/// The part of a message on a Unix socket in which descriptors travel, `Most` of them at once (SCM_RIGHTS, unix(7), cmsg(3)). It
/// lives until the message is sent, or has been received and asked.
template <std::size_t Most>
class passed_descriptors {
public:
    /// Has `message` carry these, at most `Most`; they stay the caller's.
    void send_with(msghdr& message, std::span<const int> which) noexcept {
        message.msg_control = bytes_.data();
        message.msg_controllen = CMSG_SPACE(which.size_bytes());
        cmsghdr* const part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(which.size_bytes());
        std::memcpy(CMSG_DATA(part), which.data(), which.size_bytes());
    }
    /// Gives `message` room for them.
    void receive_with(msghdr& message) noexcept {
        message.msg_control = bytes_.data();
        message.msg_controllen = bytes_.size();
    }
    /// Calls `each` with the number of every one that came, which is the caller's to close.
    template <class Each>
    static void take(msghdr& message, Each&& each) {
        for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
            if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
            // What pads the room to a word may bring one more.
            std::array<int, (CMSG_SPACE(Most * sizeof(int)) - CMSG_LEN(0)) / sizeof(int)> numbers{};
            const std::size_t size = part->cmsg_len - CMSG_LEN(0);
            std::memcpy(numbers.data(), CMSG_DATA(part), size);
            for (const int number : std::span(numbers).first(size / sizeof(int)))
                each(number);
        }
    }

private:
    alignas(cmsghdr) std::array<char, CMSG_SPACE(Most * sizeof(int))> bytes_{};
};

}  // namespace aperto
