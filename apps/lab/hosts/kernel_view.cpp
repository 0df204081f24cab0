// SPDX-License-Identifier: MIT
#include "lab/hosts/kernel_view.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace aperto::lab {

namespace {

constexpr std::uint32_t state_established = 1;

bool ask(int socket, bool v6) {
    struct {
        nlmsghdr head;
        inet_diag_req_v2 body;
    } request{};
    request.head.nlmsg_len = sizeof request;
    request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.body.sdiag_family = v6 ? AF_INET6 : AF_INET;
    request.body.sdiag_protocol = IPPROTO_TCP;
    request.body.idiag_ext = 1U << (INET_DIAG_INFO - 1);
    request.body.idiag_states = 1U << state_established;
    return ::send(socket, &request, sizeof request, 0) == static_cast<ssize_t>(sizeof request);
}

void read_info(const char* data, std::size_t size, kernel_connection& out) {
    tcp_info info{};
    std::memcpy(&info, data, std::min(size, sizeof info));
    out.srtt = std::chrono::microseconds(info.tcpi_rtt);
    out.rttvar = std::chrono::microseconds(info.tcpi_rttvar);
    out.rto = std::chrono::microseconds(info.tcpi_rto);
    out.congestion_window = info.tcpi_snd_cwnd;
    out.retransmissions = info.tcpi_total_retrans;
}

kernel_connection read_connection(const char* message, std::size_t size) {
    inet_diag_msg body{};
    std::memcpy(&body, message, sizeof body);
    kernel_connection out;
    out.local_port = ntohs(body.id.idiag_sport);
    out.remote_port = ntohs(body.id.idiag_dport);
    std::size_t at = NLMSG_ALIGN(sizeof body);
    while (at + sizeof(rtattr) <= size) {
        rtattr attribute{};
        std::memcpy(&attribute, message + at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || at + attribute.rta_len > size) {
            break;
        }
        if (attribute.rta_type == INET_DIAG_INFO) {
            read_info(message + at + RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0), out);
        }
        at += RTA_ALIGN(attribute.rta_len);
    }
    return out;
}

}  // namespace

std::vector<kernel_connection> ask_kernel(int diag_socket, bool v6) {
    std::vector<kernel_connection> out;
    if (!ask(diag_socket, v6)) {
        return out;
    }
    std::array<char, 32'768> answer{};
    while (true) {
        // A dump is answered at once; the wait is only so that a broken kernel cannot hang the lab.
        pollfd ready{diag_socket, POLLIN, 0};
        if (::poll(&ready, 1, 100) != 1) {
            return out;
        }
        const auto size = ::recv(diag_socket, answer.data(), answer.size(), 0);
        if (size <= 0) {
            return out;
        }
        for (std::size_t at = 0; at + NLMSG_HDRLEN <= static_cast<std::size_t>(size);) {
            nlmsghdr head{};
            std::memcpy(&head, answer.data() + at, sizeof head);
            if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR ||
                head.nlmsg_len < NLMSG_HDRLEN) {
                return out;
            }
            if (head.nlmsg_len >= NLMSG_LENGTH(sizeof(inet_diag_msg))) {
                out.push_back(
                    read_connection(answer.data() + at + NLMSG_HDRLEN, head.nlmsg_len - NLMSG_HDRLEN));
            }
            at += NLMSG_ALIGN(head.nlmsg_len);
        }
    }
}

}  // namespace aperto::lab
