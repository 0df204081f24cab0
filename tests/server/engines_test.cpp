// SPDX-License-Identifier: MIT
// A machine that gives io_uring to the first worker and not to the second, as one short of memory does.
#include "aperto/server.hpp"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <iostream>
#include <thread>

namespace aperto {
namespace {

constexpr int no_filter_here = 77;

/// From now on each io_uring_setup(2) of this process asks whoever reads the descriptor (seccomp(2)); -1
/// where that is not to be had.
int filter_io_uring() {
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return static_cast<int>(
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter));
}

/// Lets the first thread that asks have its rings, and nobody else.
void answer(int asked) {
    std::uint32_t first = 0;
    for (;;) {
        seccomp_notif question{};
        if (::ioctl(asked, SECCOMP_IOCTL_NOTIF_RECV, &question) != 0) continue;
        if (first == 0) first = question.pid;
        seccomp_notif_resp reply{};
        reply.id = question.id;
        if (question.pid == first)
            reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        else
            reply.error = -ENOMEM;
        ::ioctl(asked, SECCOMP_IOCTL_NOTIF_SEND, &reply);
    }
}

int serve_with_one_ring() {
    const int asked = filter_io_uring();
    if (asked < 0) return no_filter_here;
    std::thread(answer, asked).detach();
    server serving({.host = "127.0.0.1", .port = 0, .workers = 2},
                   [](std::string_view text) { return std::string(text); });
    serving.start();
    std::cout << "    " << serving.why() << '\n' << std::flush;
    const bool told = serving.engines() == std::vector<engine>{engine::uring, engine::epoll} &&
                      serving.why().starts_with("io_uring, ") &&
                      serving.why().find("(1 of 2); epoll: ") != std::string::npos;
    serving.stop();
    serving.wait();
    return told ? 0 : 1;
}

TEST(Engines, OfAServerWhoseSecondWorkerGotNoRingAreToldApart) {
    try {
        loop::create({.which = engine::uring});
    } catch (const error& refused) {
        GTEST_SKIP() << "no io_uring here: " << refused.what();
    }
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(30);  // whatever happens
        ::_exit(serve_with_one_ring());
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == no_filter_here) GTEST_SKIP() << "no seccomp filter here";
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace aperto
