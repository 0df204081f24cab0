// SPDX-License-Identifier: MIT
#include "lab/hosts/host_programs.hpp"

#include "lab/hosts/host_message.hpp"
#include "lab/hosts/private_files.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace aperto::lab {

namespace {

std::vector<std::string> split_arguments(const std::string& text) {
    std::vector<std::string> out;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = text.find('\0', at);
        out.push_back(text.substr(at, end - at));
        at = end == std::string::npos ? text.size() : end + 1;
    }
    return out;
}

/// The lab's programs may do with their network what root may, whoever they run as: tcpdump, tc and ip work
/// in it. Ambient capabilities (capabilities(7)) reach a program that is not root.
void keep_network_capabilities() {
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    if (::syscall(SYS_capget, &head, sets.data()) != 0) {
        return;
    }
    constexpr std::array<unsigned, 3> network{CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW};
    for (const auto one : network) {
        sets[0].inheritable |= sets[0].permitted & (1U << one);
    }
    if (::syscall(SYS_capset, &head, sets.data()) == 0) {
        for (const auto one : network) {
            ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, static_cast<unsigned long>(one), 0UL, 0UL);
        }
    }
}

[[noreturn]] void become(side which, const message& what, int report) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setenv("APERTO_LAB", which == side::client ? "client" : "server", 1);
    ::setenv("PATH", path_with_own_commands().c_str(), 1);
    // Into a pipe Python prints nothing until it ends, and a server that is stopped never prints at all.
    ::setenv("PYTHONUNBUFFERED", "1", 0);
    keep_network_capabilities();
    // A group of its own, so that a signal reaches what a shell starts too.
    ::setpgid(0, 0);
    for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGPIPE}) {
        std::signal(signal, SIG_DFL);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int i = 0; i < 3 && i < static_cast<int>(what.descriptors.size()); ++i) {
        ::dup2(what.descriptors[static_cast<std::size_t>(i)].get(), i);
    }
    const auto arguments = split_arguments(what.text);
    std::vector<char*> pointers;
    for (const auto& one : arguments) {
        pointers.push_back(const_cast<char*>(one.c_str()));
    }
    pointers.push_back(nullptr);
    ::execvp(pointers[0], pointers.data());
    const int failed = errno;
    (void)!::write(report, &failed, sizeof failed);
    ::_exit(127);
}

/// Starts the program; a pipe that closes on exec tells whether that worked.
pid_t start(side which, const message& what, int control) {
    std::array<int, 2> ends{};
    if (what.text.empty() || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
        send_message(control, 'F', errno, {});
        return -1;
    }
    descriptor read_end(ends[0]);
    descriptor write_end(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) {
        become(which, what, write_end.get());
    }
    write_end.close();
    int failed = 0;
    if (child < 0 || ::read(read_end.get(), &failed, sizeof failed) == static_cast<ssize_t>(sizeof failed)) {
        send_message(control, 'F', child < 0 ? errno : failed, {});
        if (child > 0) {
            ::waitpid(child, nullptr, 0);
        }
        return -1;
    }
    send_message(control, 'S', child, {});
    return child;
}

/// The program of the run. What it leaves behind when it ends, a daemon in a session of its own too, becomes
/// a child of this process (PR_SET_CHILD_SUBREAPER).
struct running_program {
    pid_t first = -1;   ///< its PID and process group
    bool ended = true;  ///< the process itself
    bool gone = true;   ///< and all that it left
};

void report_ends(int control, running_program& program) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(-1, &status, WNOHANG)) > 0) {
        if (ended == program.first && !program.ended) {
            program.ended = true;
            send_message(control, 'X', status, {});
        }
    }
    if (ended < 0 && program.ended && !program.gone) {
        program.gone = true;
        send_message(control, 'G', 0, {});
    }
}

void signal_all(const running_program& program, int number) {
    ::kill(-program.first, number);
    // The children of this process are told by a /proc of this PID namespace alone.
    std::error_code failed;
    if (std::filesystem::read_symlink("/proc/self", failed) != std::to_string(::getpid())) {
        return;
    }
    std::ifstream children("/proc/thread-self/children");
    for (pid_t one = 0; children >> one;) {
        if (one != program.first) {
            ::kill(one, number);
        }
    }
}

}  // namespace

void serve_programs(side which, int control) {
    sigset_t child_ended;
    ::sigemptyset(&child_ended);
    ::sigaddset(&child_ended, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child_ended, nullptr);
    const descriptor ends(::signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK));
    ::prctl(PR_SET_CHILD_SUBREAPER, 1UL);
    running_program program;
    std::array<pollfd, 2> watched{{{control, POLLIN, 0}, {ends.get(), POLLIN, 0}}};
    while (true) {
        if (::poll(watched.data(), watched.size(), -1) < 0) {
            continue;
        }
        if (watched[1].revents != 0) {
            signalfd_siginfo ignored{};
            (void)!::read(ends.get(), &ignored, sizeof ignored);
            report_ends(control, program);
        }
        if (watched[0].revents == 0) {
            continue;
        }
        message what;
        if (!receive_message(control, what)) {
            ::_exit(0);  // the lab is gone, and with this process its whole PID namespace goes too
        }
        if (what.type == 'P' && program.gone) {
            const auto started = start(which, what, control);
            program = {started, started < 0, started < 0};
        } else if (what.type == 'K' && !program.gone) {
            signal_all(program, what.code);
        }
    }
}

}  // namespace aperto::lab
