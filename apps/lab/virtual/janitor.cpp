// SPDX-License-Identifier: MIT
#include "lab/virtual/janitor.hpp"

#include "core/environment.hpp"
#include "lab/virtual/guest_request.hpp"
#include "lab/virtual/machine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

namespace aperto::lab {

namespace fs = std::filesystem;

namespace {

/// 1 January 2026: the day on which every run begins. Certificates and logs look alike each time.
constexpr std::uint64_t first_moment_ns = 1'767'225'600'000'000'000;
/// A run gets so much memory everywhere; of the host's it takes what is used of it.
constexpr const char* memory_size = "512M";

/// The kernel and each process in it take turns, many thousand times in a run, and only one of them computes at a
/// time: on one processor a turn costs a third of what it costs between two.
void stay_on_this_processor() {
    if (const int here = ::sched_getcpu(); here >= 0 && here < CPU_SETSIZE) {
        cpu_set_t only{};
        CPU_SET(static_cast<std::size_t>(here), &only);
        ::sched_setaffinity(0, sizeof only, &only);
    }
}

/// In the child that becomes the kernel, in the folder that both sides see. The command line is the same for every
/// run of a seed, since the kernel's randomness takes it in: that folder and this program are named through the
/// kernel's own process.
[[noreturn]] void become_kernel(const std::string& image, std::uint64_t seed, const fs::path& folder,
                                int control) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    stay_on_this_processor();
    if (::chdir(folder.c_str()) != 0) {
        ::_exit(127);
    }
    const int log = ::open((folder / shared_file::kernel_log).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int none = ::open("/dev/null", O_RDWR);
    constexpr int line = 3;
    if (control != line) {
        ::dup2(control, line);
    } else {
        ::fcntl(line, F_SETFD, 0);
    }
    ::dup2(none, STDIN_FILENO);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::close_range(line + 1, ~0U, 0);
    std::vector<std::string> words{
        image,
        "mem=" + environment("APERTO_VIRTUAL_MEMORY", memory_size),
        "time-travel=inf-cpu",
        fmt::format("time-travel-start={}", first_moment_ns),
        "root=none",
        "console=tty0",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        "init=/proc/self/cwd/init",
        "quiet",
        "con=null",
        "con0=null,fd:2",
        fmt::format("con1=fd:{},fd:{}", line, line),
        "stderr=1",
        "uml_dir=./",
        "umid=kernel",
        "random.trust_bootloader=on",
        "--",
        "lab",
        first_process_command,
    };
    std::vector<std::string> environment{
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
        // The C library's restartable sequences: their memory is not a guest's.
        "GLIBC_TUNABLES=glibc.pthread.rseq=0", fmt::format("APERTO_VIRTUAL_SEED={}", seed)};
    const auto pointers = [](std::vector<std::string>& of) {
        std::vector<char*> out;
        for (auto& word : of) {
            out.push_back(word.data());
        }
        out.push_back(nullptr);
        return out;
    };
    // Limits and signals as any program begins with; those of who called us are not the run's.
    sigset_t nothing;
    ::sigemptyset(&nothing);
    ::sigprocmask(SIG_SETMASK, &nothing, nullptr);
    ::execve(image.c_str(), pointers(words).data(), pointers(environment).data());
    [[maybe_unused]] const int told =
        ::dprintf(STDERR_FILENO, "%s: %s\n", image.c_str(), std::strerror(errno));
    ::_exit(127);
}

constexpr std::array<int, 5> signals_of_a_terminal{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};

}  // namespace

[[noreturn]] void be_janitor(const std::string& image, std::uint64_t seed, int life, int control) {
    ::setsid();
    for (const int each : signals_of_a_terminal) {
        ::signal(each, SIG_IGN);
    }
    auto name = (fs::path(environment("TMPDIR", "/tmp")) / "aperto-virtual-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        ::_exit(1);
    }
    [[maybe_unused]] const auto told = ::write(control, name.data(), name.size());
    char unread = 0;
    pid_t kernel = -1;
    if (::read(life, &unread, 1) == 1) {
        kernel = ::fork();
    }
    if (kernel == 0) {
        for (const int each : signals_of_a_terminal) {
            ::signal(each, SIG_DFL);
        }
        become_kernel(image, seed, name, control);
    }
    // Nobody who waits for the end of what is printed waits for us.
    ::dup2(life, STDIN_FILENO);
    ::close_range(STDIN_FILENO + 1, ~0U, 0);
    while (::read(STDIN_FILENO, &unread, 1) > 0) {
    }
    if (kernel > 0) {
        ::kill(kernel, SIGKILL);
        ::waitpid(kernel, nullptr, 0);
    }
    std::error_code failed;
    fs::remove_all(name, failed);
    ::_exit(0);
}

}  // namespace aperto::lab
