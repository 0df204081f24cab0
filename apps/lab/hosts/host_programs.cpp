// SPDX-License-Identifier: MIT
#include "lab/hosts/host.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
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

/// The folder that is given up for the memory file system. Every Debian has it, and no program of a lab looks
/// into it: it holds kernels.
constexpr const char* own_folder = "/boot";

constexpr const char* host_name = "lab";

void write_file(const std::string& path, std::string_view text, mode_t mode, const char* tried) {
    const descriptor file(
        checked(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode), tried));
    checked(static_cast<int>(::write(file.get(), text.data(), text.size())), tried);
    checked(::fchmod(file.get(), mode), tried);  // whatever the umask
}

std::string hosts_text(bool v6) {
    return fmt::format("127.0.0.1 localhost\n::1 localhost\n{} server {}\n{} client\n",
                       host_address(true, v6).text(), host_name, host_address(false, v6).text());
}

/// The machine's own, but for where hosts are looked up.
std::string nsswitch_text() {
    std::ifstream file("/etc/nsswitch.conf");
    std::string out;
    for (std::string line; std::getline(file, line);) {
        const auto first = line.find_first_not_of(" \t");
        if (first == std::string::npos || line.compare(first, 6, "hosts:") != 0) {
            out += line + "\n";
        }
    }
    return out + "hosts: files\n";
}

/// A file to put over `path`, where there is one.
void put_over(const std::string& folder, const std::string& name, const std::string& text) {
    const auto path = "/etc/" + name;
    if (::access(path.c_str(), F_OK) != 0) {
        return;
    }
    const auto ours = folder + "/" + name;
    write_file(ours, text, 0644, "write the hosts file");
    checked(::mount(ours.c_str(), path.c_str(), nullptr, MS_BIND, nullptr), "put the hosts file in place");
}

std::string quoted_for_a_shell(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return out + "'";
}

void put_commands(const std::string& folder) {
    const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
    checked(::symlink(self.c_str(), (folder + "/aperto").c_str()), "make the command aperto");
    write_file(folder + "/peer", "#!/bin/sh\nexec " + quoted_for_a_shell(self) + " lab peer \"$@\"\n", 0755,
               "make the command peer");
}

/// nscd answers for every process that finds its socket.
void hide_nscd(const std::string& empty_folder) {
    constexpr const char* nscd = "/run/nscd";
    if (::access(nscd, F_OK) == 0) {
        checked(::mkdir(empty_folder.c_str(), 0755), "make an empty folder");
        checked(::mount(empty_folder.c_str(), nscd, nullptr, MS_BIND, nullptr), "hide nscd");
    }
}

}  // namespace

void put_private_files(bool v6) {
    checked(::sethostname(host_name, std::char_traits<char>::length(host_name)), "set the host name");
    const bool stays = ::access(own_folder, F_OK) == 0;
    const std::string folder = stays ? own_folder : "/tmp";
    checked(::mount("tmpfs", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=755"),
            "mount a temporary file system");
    put_over(folder, "hosts", hosts_text(v6));
    put_over(folder, "nsswitch.conf", nsswitch_text());
    hide_nscd(folder + "/empty");
    if (stays) {
        put_commands(folder);
    } else {  // what is bound stays; programs want their /tmp
        checked(::umount2(folder.c_str(), MNT_DETACH), "take the temporary file system away");
    }
}

namespace {

/// PATH for the programs: the folder with the commands of ours, then what PATH was.
std::string path_with_own_commands() {
    const char* path = std::getenv("PATH");
    return fmt::format("{}:{}", own_folder, path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
}

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
