// SPDX-License-Identifier: MIT
#include "lab/hosts/host.hpp"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace aperto::lab {

/// A netlink message under construction: a fixed header, then attributes (netlink(7)).
class rtnetlink::request {
public:
    template <class body>
    request(std::uint16_t type, unsigned flags, const body& fixed) {
        nlmsghdr head{};
        head.nlmsg_type = type;
        head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
        append(&head, sizeof head);
        append(&fixed, sizeof fixed);
    }

    std::size_t open(std::uint16_t type) {
        const auto at = bytes_.size();
        const rtattr head{sizeof(rtattr), type};
        append(&head, sizeof head);
        return at;
    }

    void close(std::size_t at) {
        const auto size = static_cast<std::uint16_t>(bytes_.size() - at);
        std::memcpy(bytes_.data() + at, &size, sizeof size);
    }

    void add(std::uint16_t type, const void* value, std::size_t size) {
        const auto at = open(type);
        append(value, size);
        // The length leaves the padding out.
        const auto length = static_cast<std::uint16_t>(sizeof(rtattr) + size);
        std::memcpy(bytes_.data() + at, &length, sizeof length);
    }

    void add(std::uint16_t type, std::uint32_t value) { add(type, &value, sizeof value); }
    void add(std::uint16_t type, const ip_address& value) {
        add(type, value.bytes.data(), value.is_v6 ? 16 : 4);
    }

    const std::vector<char>& finish(std::uint32_t sequence) {
        nlmsghdr head{};
        std::memcpy(&head, bytes_.data(), sizeof head);
        head.nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
        head.nlmsg_seq = sequence;
        std::memcpy(bytes_.data(), &head, sizeof head);
        return bytes_;
    }

private:
    void append(const void* data, std::size_t size) {
        const auto at = bytes_.size();
        bytes_.resize(at + (size + 3) / 4 * 4);
        std::memcpy(bytes_.data() + at, data, size);
    }

    std::vector<char> bytes_;
};

rtnetlink::rtnetlink()
    : socket_(
          checked(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "open a netlink socket")) {}

void rtnetlink::send(request& what, const char* tried) {
    const auto& bytes = what.finish(++sequence_);
    checked(static_cast<int>(::send(socket_.get(), bytes.data(), bytes.size(), 0)), tried);
    std::array<char, 4096> answer{};
    const auto size =
        checked(static_cast<int>(::recv(socket_.get(), answer.data(), answer.size(), 0)), tried);
    nlmsghdr head{};
    nlmsgerr error{};
    if (size < static_cast<int>(sizeof head + sizeof error)) {
        throw std::system_error(EPROTO, std::system_category(), tried);
    }
    std::memcpy(&head, answer.data(), sizeof head);
    std::memcpy(&error, answer.data() + NLMSG_HDRLEN, sizeof error);
    if (head.nlmsg_type == NLMSG_ERROR && error.error != 0) {
        throw std::system_error(-error.error, std::system_category(), tried);
    }
}

void rtnetlink::bring_up(unsigned interface, std::uint32_t mtu, std::uint32_t queue) {
    ifinfomsg fixed{};
    fixed.ifi_index = static_cast<int>(interface);
    fixed.ifi_flags = IFF_UP;
    fixed.ifi_change = IFF_UP;
    request what(RTM_NEWLINK, 0, fixed);
    if (mtu != 0) {
        what.add(IFLA_MTU, mtu);
    }
    if (queue != 0) {
        what.add(IFLA_TXQLEN, queue);
    }
    send(what, "bring up the network interface");
}

void rtnetlink::add_address(unsigned interface, const ip_address& local, const ip_address& peer) {
    ifaddrmsg fixed{};
    fixed.ifa_family = local.is_v6 ? AF_INET6 : AF_INET;
    fixed.ifa_prefixlen = local.is_v6 ? 128 : 32;
    fixed.ifa_flags = local.is_v6 ? IFA_F_NODAD : 0;
    fixed.ifa_index = interface;
    request what(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, fixed);
    what.add(IFA_LOCAL, local);
    what.add(IFA_ADDRESS, peer);
    send(what, "give the network interface its address");
}

void rtnetlink::set_route(unsigned interface, const ip_address& local, const ip_address& peer,
                          std::uint32_t rto_min_ms) {
    rtmsg fixed{};
    fixed.rtm_family = local.is_v6 ? AF_INET6 : AF_INET;
    fixed.rtm_dst_len = local.is_v6 ? 128 : 32;
    fixed.rtm_table = RT_TABLE_MAIN;
    fixed.rtm_protocol = RTPROT_KERNEL;
    fixed.rtm_scope = local.is_v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    fixed.rtm_type = RTN_UNICAST;
    request what(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, fixed);
    what.add(RTA_DST, peer);
    what.add(RTA_OIF, interface);
    what.add(RTA_PREFSRC, local);
    if (rto_min_ms != 0) {
        const auto metrics = what.open(RTA_METRICS);
        // The kernel heeds this metric only where it is locked; else it takes it for something it learnt
        // itself.
        what.add(RTAX_LOCK, 1U << static_cast<unsigned>(RTAX_RTO_MIN));
        what.add(RTAX_RTO_MIN, rto_min_ms);
        what.close(metrics);
    }
    send(what, "set the route to the other host");
}

void rtnetlink::set_plain_queue(unsigned interface, std::uint32_t packets) {
    tcmsg fixed{};
    fixed.tcm_family = AF_UNSPEC;
    fixed.tcm_ifindex = static_cast<int>(interface);
    fixed.tcm_parent = TC_H_ROOT;
    request what(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, fixed);
    what.add(TCA_KIND, "pfifo", 6);
    what.add(TCA_OPTIONS, packets);  // struct tc_fifo_qopt { limit }
    send(what, "give the network interface a plain queue");
}

ip_address host_address(bool server, bool v6) {
    ip_address out;
    out.is_v6 = v6;
    const std::uint8_t last = server ? 1 : 2;
    if (v6) {
        out.bytes[0] = 0xfd;
        out.bytes[15] = last;
    } else {
        out.bytes[0] = 10;
        out.bytes[3] = last;
    }
    return out;
}

}  // namespace aperto::lab
