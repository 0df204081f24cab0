// SPDX-License-Identifier: MIT
#include "lab/hosts/host_message.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace aperto::lab {

namespace {

constexpr std::size_t text_max = 60'000;
constexpr std::size_t descriptors_max = 16;

struct header {
    char type;
    int code;
};

}  // namespace

bool send_message(int socket, char type, int code, std::string_view text, std::span<const int> descriptors) {
    header head{type, code};
    text = text.substr(0, text_max);
    std::array<iovec, 2> parts{{{&head, sizeof head}, {const_cast<char*>(text.data()), text.size()}}};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(descriptors_max * sizeof(int))> control{};
    msghdr out{};
    out.msg_iov = parts.data();
    out.msg_iovlen = parts.size();
    if (!descriptors.empty() && descriptors.size() <= descriptors_max) {
        const auto size = descriptors.size_bytes();
        out.msg_control = control.data();
        out.msg_controllen = CMSG_SPACE(size);
        auto* rights = CMSG_FIRSTHDR(&out);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(size);
        std::memcpy(CMSG_DATA(rights), descriptors.data(), size);
    }
    return ::sendmsg(socket, &out, MSG_NOSIGNAL) > 0;
}

bool receive_message(int socket, message& out) {
    header head{};
    std::string text(text_max, '\0');
    std::array<iovec, 2> parts{{{&head, sizeof head}, {text.data(), text.size()}}};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(descriptors_max * sizeof(int))> control{};
    msghdr in{};
    in.msg_iov = parts.data();
    in.msg_iovlen = parts.size();
    in.msg_control = control.data();
    in.msg_controllen = control.size();
    const auto size = ::recvmsg(socket, &in, MSG_CMSG_CLOEXEC);
    if (size < static_cast<ssize_t>(sizeof head)) {
        return false;
    }
    out.descriptors.clear();
    for (auto* part = CMSG_FIRSTHDR(&in); part != nullptr; part = CMSG_NXTHDR(&in, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
            const auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            std::array<int, descriptors_max> numbers{};
            std::memcpy(numbers.data(), CMSG_DATA(part), count * sizeof(int));
            for (std::size_t i = 0; i < count; ++i) {
                out.descriptors.emplace_back(numbers[i]);
            }
        }
    }
    text.resize(static_cast<std::size_t>(size) - sizeof head);
    out.type = head.type;
    out.code = head.code;
    out.text = std::move(text);
    return true;
}

std::string read_all_at_start(int file) {
    std::string out;
    std::array<char, 16'384> part{};
    ssize_t size = 0;
    while ((size = ::pread(file, part.data(), part.size(), static_cast<off_t>(out.size()))) > 0) {
        out.append(part.data(), static_cast<std::size_t>(size));
    }
    return out;
}

}  // namespace aperto::lab
