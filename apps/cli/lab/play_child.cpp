// SPDX-License-Identifier: MIT
#include "cli/lab/play_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace aperto::cli {

namespace {

constexpr int patience_ms = 3000;
constexpr std::size_t complaints_max = std::size_t{64} * 1024;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::system_category(), what); }

struct child_plan {
    int input;
    int output;
    int complaints;
    const char* const* words;
    pid_t parent;
};

/// Between fork and exec in a program of several threads: nothing but system calls (signal-safety(7)).
[[noreturn]] void become_lab(const child_plan& plan) {
    constexpr int could_not = 126;
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != plan.parent) ::_exit(could_not);
    ::setpgid(0, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int signal : {SIGPIPE, SIGXFSZ})
        ::signal(signal, SIG_DFL);
    ::dup2(plan.input, STDIN_FILENO);
    ::dup2(plan.output, STDOUT_FILENO);
    ::dup2(plan.complaints, STDERR_FILENO);
    ::execv("/proc/self/exe", const_cast<char* const*>(plan.words));
    ::_exit(could_not);
}

}  // namespace

play_child::play_child(const std::string& scenario_file) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
    output_ = descriptor(ends[0]);
    const descriptor writing(ends[1]);
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    said_ = descriptor(::memfd_create("aperto-play", MFD_CLOEXEC));
    const descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!said_ || !nothing) fail("memfd_create");
    const std::array<const char*, 11> words{
        "aperto",  "lab",    "run", "--no-pause",          "--show", "none",
        "--words", "--json", "-",   scenario_file.c_str(), nullptr};
    const child_plan plan{nothing.get(), writing.get(), said_.get(), words.data(), ::getpid()};
    process_ = ::fork();
    if (process_ < 0) fail("fork");
    if (process_ == 0) become_lab(plan);
    ended_ = descriptor(static_cast<int>(::syscall(SYS_pidfd_open, process_, 0)));
    if (!ended_) {
        const int why = errno;
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
        throw std::system_error(why, std::system_category(), "pidfd_open");
    }
}

play_child::~play_child() {
    if (process_ < 0) return;
    output_.close();  // what it still has to say is for nobody
    ::kill(process_, SIGTERM);
    pollfd end{ended_.get(), POLLIN, 0};
    if (::poll(&end, 1, patience_ms) == 0) ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
}

bool play_child::read(std::string& into) {
    std::array<char, 65'536> part{};
    const auto size = ::read(output_.get(), part.data(), part.size());
    into.assign(part.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

int play_child::wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    constexpr int by_signal = 128;
    return WIFEXITED(status) ? WEXITSTATUS(status) : by_signal + WTERMSIG(status);
}

std::string play_child::complaints() const {
    std::string out(complaints_max, '\0');
    const auto size = ::pread(said_.get(), out.data(), out.size(), 0);
    out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return out;
}

}  // namespace aperto::cli
