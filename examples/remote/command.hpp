// SPDX-License-Identifier: MIT
// A command of the account that the server runs as: on a terminal of its own, or with three pipes.
#pragma once

#include "lasting.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

namespace remote {

using aperto::descriptor;

inline void check(bool good, const char* tried) {
    if (!good) throw aperto::error(std::error_code(errno, std::system_category()), tried);
}

/// What is asked for.
struct wish {
    bool terminal = false;
    winsize size{};
    std::string term;     ///< the type of the terminal
    std::string command;  ///< empty: the login shell

    static wish read(bytes from) {
        wish made;
        made.terminal = take(from, 1) != 0;
        made.size = read_size(from);
        const std::size_t end = from.find('\0');
        if (end > 64) throw aperto::error(aperto::errc::malformed, "read the type of a terminal");
        made.term = from.substr(0, end);
        made.command = from.substr(end + 1);
        const auto plain = [](unsigned char each) { return each > ' ' && each < 127 && each != '/'; };
        if (!std::all_of(made.term.begin(), made.term.end(), plain) ||
            made.command.find('\0') != std::string::npos)
            throw aperto::error(aperto::errc::malformed, "read a command");
        return made;
    }
    static winsize read_size(bytes& from) {
        winsize size{};
        size.ws_row = static_cast<unsigned short>(take(from, 2));
        size.ws_col = static_cast<unsigned short>(take(from, 2));
        return size;
    }
};

// [command]
/// A process with its descriptors. It and its process group are killed with it.
class command {
public:
    explicit command(const wish& what) : terminal_(what.terminal) {
        if (terminal_)
            open_terminal(what);
        else
            open_pipes();
        start(what);
        for (descriptor& each : theirs_)
            each.close();
        pidfd_ = descriptor(static_cast<int>(::syscall(
            SYS_pidfd_open, pid_, 0)));  // it is ours and not yet waited for: the number is nobody else's
        if (!pidfd_) kill(SIGKILL);
        check(bool(pidfd_), "watch a process");
    }
    ~command() {
        if (reaped_) return;
        kill(SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    command(const command&) = delete;
    command& operator=(const command&) = delete;

    bool has_terminal() const noexcept { return terminal_; }
    const descriptor& input() const noexcept { return terminal_ ? output_ : input_; }
    const descriptor& output() const noexcept { return output_; }
    const descriptor& errors() const noexcept { return errors_; }
    /// No more comes on its standard input. A terminal has no such end: a command there reads what is typed for it.
    void end_input() noexcept {
        if (!terminal_) input_.close();
    }
    void resize(const winsize& size) noexcept { ::ioctl(output_.get(), TIOCSWINSZ, &size); }
    /// To all of its process group, which is the session's first.
    void kill(int signal) noexcept {
        if (!reaped_) ::kill(-pid_, signal);
    }

    /// Waits until it has ended: exit status, and the signal that killed it.
    aperto::task<std::pair<int, int>> ended() {
        siginfo_t how{};
        while (!reaped_) {
            co_await aperto::loop::current().readable(pidfd_.get());
            how.si_pid = 0;
            reaped_ =
                ::waitid(P_PID, static_cast<id_t>(pid_), &how, WEXITED | WNOHANG) == 0 && how.si_pid == pid_;
        }
        const bool by_itself = how.si_code == CLD_EXITED;
        co_return std::pair(by_itself ? how.si_status : 0, by_itself ? 0 : how.si_status);
    }

private:
    void open_terminal(const wish& what) {
        output_ = descriptor(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
        std::array<char, 64> name{};
        check(output_ && ::grantpt(output_.get()) == 0 && ::unlockpt(output_.get()) == 0 &&
                  ::ptsname_r(output_.get(), name.data(), name.size()) == 0,
              "open a terminal");
        termios modes{};
        ::tcgetattr(output_.get(), &modes);
        modes.c_iflag |= IUTF8;
        ::tcsetattr(output_.get(), TCSANOW, &modes);
        resize(what.size);
        slave_ = name.data();
    }
    void open_pipes() {
        const auto open = [this](descriptor& ours, int end) {
            std::array<int, 2> both{};
            check(::pipe2(both.data(), O_CLOEXEC) == 0, "open a pipe");
            ours = descriptor(both[static_cast<std::size_t>(end)]);
            theirs_.emplace_back(both[static_cast<std::size_t>(1 - end)]);
            ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
        };
        open(input_, 1);
        open(output_, 0);
        open(errors_, 0);
    }
    void start(const wish& what);

    bool terminal_;
    bool reaped_ = false;
    pid_t pid_ = -1;
    descriptor pidfd_, input_, output_, errors_;
    std::vector<descriptor> theirs_;
    std::string slave_;
};
// [/command]

// [start]
/// A session of its own, no descriptor but its three, every signal as it is by default, and an environment from nothing: what
/// the server was started with is nobody's business.
inline void command::start(const wish& what) {
    const passwd* const account = ::getpwuid(::geteuid());
    const std::string user = account ? account->pw_name : std::to_string(::geteuid());
    const std::string shell = account && *account->pw_shell ? account->pw_shell : "/bin/sh";
    const std::string home = account && ::access(account->pw_dir, X_OK) == 0 ? account->pw_dir : "/";
    const std::string name = shell.substr(shell.rfind('/') + 1);
    std::vector<std::string> words{what.command.empty() ? "-" + name : name};
    if (!what.command.empty()) words.insert(words.end(), {"-c", what.command});
    std::vector<std::string> surroundings{"HOME=" + home,
                                          "USER=" + user,
                                          "LOGNAME=" + user,
                                          "SHELL=" + shell,
                                          "PATH=/usr/local/bin:/usr/bin:/bin",
                                          "LANG=C.UTF-8"};
    if (terminal_) surroundings.push_back("TERM=" + what.term);
    const auto pointers = [](std::vector<std::string>& of) {
        std::vector<char*> made;
        for (std::string& each : of)
            made.push_back(each.data());
        made.push_back(nullptr);
        return made;
    };

    posix_spawnattr_t how{};
    posix_spawn_file_actions_t files{};
    ::posix_spawnattr_init(&how);
    ::posix_spawn_file_actions_init(&files);
    sigset_t all{}, none{};
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&how, &all);
    ::posix_spawnattr_setsigmask(&how, &none);
    ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    for (int to = 0; to < 3; ++to) {
        if (!terminal_)
            ::posix_spawn_file_actions_adddup2(&files, theirs_[static_cast<std::size_t>(to)].get(), to);
        else if (to == 0)  // the first terminal that a session's leader opens is the session's
            ::posix_spawn_file_actions_addopen(&files, 0, slave_.c_str(), O_RDWR, 0);
        else
            ::posix_spawn_file_actions_adddup2(&files, 0, to);
    }
    ::posix_spawn_file_actions_addclosefrom_np(&files, 3);
    ::posix_spawn_file_actions_addchdir_np(&files, home.c_str());
    errno = ::posix_spawn(&pid_, shell.c_str(), &files, &how, pointers(words).data(),
                          pointers(surroundings).data());
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&how);
    check(errno == 0, "start the shell");
}
// [/start]

}  // namespace remote
