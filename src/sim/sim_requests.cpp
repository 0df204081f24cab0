// SPDX-License-Identifier: MIT
// What the requests of a simulated ring do as the kernel works them off.
#include "sim/network.hpp"
#include "sim/program.hpp"
#include "sim/sim_ring.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace aperto::sim {
namespace {

/// As io_uring/net.c: how often in a row a multishot receive goes on before others have their turn.
constexpr int receives_max = 32;

/// What an entry gives as a number, as the kernel's interface has it.
template <class T>
T* at_address(std::uint64_t address) noexcept {
    return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace

/// To be worked off when the program next enters the kernel.
void sim_ring::to_do(request& which) noexcept {
    if (std::exchange(which.waits_for_work, true)) return;
    work_.push_back(which.number);
    net_.wake(host_);
}

void sim_ring::work_off() noexcept {
    std::vector<std::uint64_t> now;
    now.swap(work_);
    while (!now.empty()) {
        const std::size_t chosen = net_.options.faults.not_at_once > 0 ? net_.below(now.size()) : 0;
        const auto there = requests_.find(now[chosen]);
        now.erase(now.begin() + static_cast<std::ptrdiff_t>(chosen));
        if (there == requests_.end()) continue;
        there->second->waits_for_work = false;
        run(*there->second);
    }
}

void sim_ring::begin(request& fresh) {
    const io_uring_sqe& entry = *fresh.entry;
    if (entry.opcode == IORING_OP_SEND) {
        fresh.parts = {{at_address<void>(entry.addr), entry.len}};
    } else if (entry.opcode == IORING_OP_SENDMSG) {
        const auto& header = *at_address<const msghdr>(entry.addr);
        fresh.parts.assign(header.msg_iov, header.msg_iov + header.msg_iovlen);
    } else if (entry.opcode == IORING_OP_CONNECT) {
        const int result =
            os().connect(*fresh.on, endpoint::from_sockaddr(*at_address<const sockaddr_storage>(entry.addr)));
        if (result != -EINPROGRESS) finish(fresh, result);
        return;
    }
    // The kernel tries at once, as a rule.
    if (happens(&faults::not_at_once))
        to_do(fresh);
    else
        run(fresh);
}

void sim_ring::run(request& which) {
    switch (which.entry->opcode) {
    case IORING_OP_POLL_ADD:
        return run_poll(which);
    case IORING_OP_RECV:
        return run_receive(which);
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
        return run_send(which);
    case IORING_OP_CONNECT:
        return run_connect(which);
    default:
        return finish(which, -EINVAL);
    }
}

void sim_ring::run_poll(request& which) {
    if (which.cancelled) return finish(which, -ECANCELED);
    const std::uint32_t wanted = which.entry->poll32_events | EPOLLERR | EPOLLHUP;
    const std::uint32_t now = os().events(*which.on) & wanted;
    if (now == 0) return;
    const bool many = (which.entry->len & IORING_POLL_ADD_MULTI) != 0;
    if (!many || happens(&faults::multishot_ends)) return finish(which, static_cast<int>(now));
    post(which.entry->user_data, static_cast<int>(now), IORING_CQE_F_MORE);
}

void sim_ring::run_receive(request& which) {
    const io_uring_sqe& entry = *which.entry;
    const bool many = (entry.ioprio & IORING_RECV_MULTISHOT) != 0;
    const bool capped = many && entry.len > 0;
    if (capped && !knows_caps_) return finish(which, -EINVAL);
    for (int received = 0;; ++received) {
        if (which.cancelled) return finish(which, -ECANCELED);
        // A buffer is chosen first, whether there is anything to put into it or not.
        if (buffers_.empty()) return finish(which, -ENOBUFS);
        if (received == receives_max || (capped && received == 1)) return to_do(which);
        const provided into = buffers_.front();
        const std::size_t size = capped ? std::min(entry.len, into.size) : into.size;
        const ssize_t result = os().receive(*which.on, into.memory, size);
        if (result == -EAGAIN) return;
        if (result <= 0) return finish(which, static_cast<int>(result));
        buffers_.pop_front();
        const std::uint32_t flags = IORING_CQE_F_BUFFER | static_cast<std::uint32_t>(into.id)
                                                              << IORING_CQE_BUFFER_SHIFT;
        if (!many || happens(&faults::multishot_ends)) return finish(which, static_cast<int>(result), flags);
        post(entry.user_data, static_cast<int>(result), flags | IORING_CQE_F_MORE);
        if (tells_nothing_more(which)) return;
    }
}

/// Its one wake-up was for bytes and for a reset behind them: the bytes are told, and then nothing for ever.
bool sim_ring::tells_nothing_more(const request& which) const noexcept {
    const connection* const on = net_.find(which.on->connection);
    if (!on || on->pipes[1 - which.on->side].unread() > 0) return false;
    return on->ends[which.on->side].broken && happens(&faults::merged_wake);
}

void sim_ring::run_send(request& which) {
    const bool whole = (which.entry->msg_flags & MSG_WAITALL) != 0;
    const auto told = [&which](int otherwise) {
        return which.sent > 0 ? static_cast<int>(which.sent) : otherwise;
    };
    for (;;) {
        if (which.cancelled) return finish(which, told(-ECANCELED));
        const ssize_t result = os().send(*which.on, which.parts);
        if (result == -EAGAIN) return;
        if (result < 0) return finish(which, told(static_cast<int>(result)));
        which.sent += static_cast<std::size_t>(result);
        auto taken = static_cast<std::size_t>(result);
        while (taken > 0) {
            iovec& first = which.parts.front();
            const std::size_t part = std::min(taken, first.iov_len);
            first = {static_cast<char*>(first.iov_base) + part, first.iov_len - part};
            taken -= part;
            if (first.iov_len == 0) which.parts.erase(which.parts.begin());
        }
        // Interrupted, MSG_WAITALL ends short as well.
        if (which.parts.empty() || !whole || happens(&faults::interrupted)) return finish(which, told(0));
    }
}

void sim_ring::run_connect(request& which) {
    const int result = which.cancelled ? -ECANCELED : os().connected(*which.on);
    if (result != -EINPROGRESS) finish(which, result);
}

void sim_ring::finish(request& which, int result, std::uint32_t flags) {
    const std::uint64_t user_data = which.entry->user_data;
    const std::uint64_t number = which.number;
    post(user_data, result, flags);
    if (happens(&faults::double_completion))
        post(user_data, flags & IORING_CQE_F_BUFFER ? -ENOBUFS : result, 0);
    const auto numbered = numbered_.find(user_data);
    if (numbered != numbered_.end() && numbered->second == number) numbered_.erase(numbered);
    // Its file last: that may be the end of a connection.
    const auto ended = requests_.extract(number);
}

}  // namespace aperto::sim
