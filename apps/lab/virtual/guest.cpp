// SPDX-License-Identifier: MIT
#include "lab/virtual/guest.hpp"

#include "aperto/descriptor.hpp"
#include "lab/virtual/guest_request.hpp"
#include "lab/virtual/guest_root.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/random.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

namespace aperto::lab {

namespace fs = std::filesystem;

namespace {

constexpr int exit_not_started = 126;

std::string read_all(int folder, const char* name) {
    const descriptor file(::openat(folder, name, O_RDONLY | O_CLOEXEC));
    check(static_cast<bool>(file), name);
    std::string out;
    std::array<char, 65536> piece{};
    for (ssize_t got = 0; (got = ::read(file.get(), piece.data(), piece.size())) > 0;) {
        out.append(piece.data(), static_cast<std::size_t>(got));
    }
    return out;
}

void write_all(int file, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto put = ::write(file, bytes.data(), bytes.size());
        check(put > 0 || (put < 0 && errno == EINTR), "what is brought back");
        bytes.remove_prefix(put > 0 ? static_cast<std::size_t>(put) : 0);
    }
}

/// One of the run's outputs: what it writes into, and where that comes out.
struct output_channel {
    frame_kind kind;
    descriptor inside;
    descriptor outside;
};

output_channel open_output(stdio_kind how, frame_kind kind, const guest_request& asked) {
    output_channel out{kind, {}, {}};
    std::array<int, 2> ends{-1, -1};
    if (how == stdio_kind::terminal) {
        winsize size{};
        size.ws_row = static_cast<unsigned short>(asked.rows);
        size.ws_col = static_cast<unsigned short>(asked.columns);
        termios mode{};
        ::cfmakeraw(&mode);  // the terminal outside does what terminals do to what is printed
        check(::openpty(&ends[0], &ends[1], nullptr, &mode, &size) == 0, "a terminal");
    } else if (how == stdio_kind::pipe) {
        check(::pipe(ends.data()) == 0, "a pipe");
    } else {
        out.inside = descriptor(::open("/dev/null", O_WRONLY | O_CLOEXEC));
        return out;
    }
    for (const int each : ends) {
        ::fcntl(each, F_SETFD, FD_CLOEXEC);
    }
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    out.outside = descriptor(ends[0]);
    out.inside = descriptor(ends[1]);
    return out;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> out;
    for (const auto& word : words) {
        out.push_back(const_cast<char*>(word.c_str()));
    }
    out.push_back(nullptr);
    return out;
}

[[noreturn]] void become_the_program(const guest_request& asked, int in, int out, int err) {
    for (const auto& [from, to] : {std::pair{in, 0}, std::pair{out, 1}, std::pair{err, 2}}) {
        ::dup2(from, to);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::setsid();
    const rlimit files{1024, 524'288};
    ::setrlimit(RLIMIT_NOFILE, &files);
    ::umask(asked.mask);
    const bool became = ::setgroups(asked.groups.size(), asked.groups.data()) == 0 &&
                        ::setresgid(asked.group, asked.group, asked.group) == 0 &&
                        ::setresuid(asked.user, asked.user, asked.user) == 0;
    if (became && ::chdir(asked.folder.c_str()) == 0) {
        ::execve(asked.arguments[0].c_str(), pointers(asked.arguments).data(),
                 pointers(asked.environment).data());
    }
    std::fprintf(stderr, "error: %s: %s\n", asked.arguments[0].c_str(), std::strerror(errno));
    ::_exit(exit_not_started);
}

/// The bytes that come on this line are signals for the run. The line has nothing else to say.
descriptor open_control() {
    descriptor line(::open("/dev/tty1", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    termios mode{};
    if (line && ::tcgetattr(line.get(), &mode) == 0) {
        ::cfmakeraw(&mode);
        ::tcsetattr(line.get(), TCSANOW, &mode);
    }
    return line;
}

class session {
public:
    session(const guest_request& asked, int shared_folder)
        : asked_(asked),
          out_(open_output(asked.out, frame_kind::out, asked)),
          err_(open_output(asked.err == stdio_kind::as_output ? stdio_kind::nothing : asked.err,
                           frame_kind::err, asked)),
          control_(open_control()),
          frames_(
              ::openat(shared_folder, shared_file::output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
        check(static_cast<bool>(frames_), shared_file::output);
        sigset_t ended;
        ::sigemptyset(&ended);
        ::sigaddset(&ended, SIGCHLD);
        ::sigprocmask(SIG_BLOCK, &ended, nullptr);
        ends_ = descriptor(::signalfd(-1, &ended, SFD_NONBLOCK | SFD_CLOEXEC));
        descriptor in(asked.in == stdio_kind::file
                          ? ::openat(shared_folder, shared_file::input, O_RDONLY | O_CLOEXEC)
                          : ::open("/dev/null", O_RDONLY | O_CLOEXEC));
        child_ = ::fork();
        check(child_ >= 0, "fork");
        if (child_ == 0) {
            become_the_program(asked_, in.get(), out_.inside.get(),
                               asked.err == stdio_kind::as_output ? out_.inside.get() : err_.inside.get());
        }
        out_.inside.close();
        err_.inside.close();
    }

    /// Until the program has ended. Gives its exit code, as a shell counts it.
    int serve() {
        while (!code_) {
            std::array<pollfd, 4> waits{{{out_.outside.get(), POLLIN, 0},
                                         {err_.outside.get(), POLLIN, 0},
                                         {control_.get(), POLLIN, 0},
                                         {ends_.get(), POLLIN, 0}}};
            if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
                check(false, "poll");
            }
            pass(out_);
            pass(err_);
            pass_signals();
            reap();
        }
        pass(out_);
        pass(err_);
        return *code_;
    }

    void tell_end(int code) {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        write_all(frames_.get(),
                  frame(frame_kind::ended, fmt::format("{} {}.{:09}", code, now.tv_sec, now.tv_nsec)));
    }

private:
    void pass(output_channel& from) {
        std::array<char, 65536> piece{};
        while (from.outside) {
            const auto got = ::read(from.outside.get(), piece.data(), piece.size());
            if (got > 0) {
                write_all(frames_.get(), frame(from.kind, {piece.data(), static_cast<std::size_t>(got)}));
            } else if (got < 0 && errno == EAGAIN) {
                return;
            } else if (got == 0 || errno != EINTR) {
                from.outside.close();  // a terminal whose last user is gone says EIO
            }
        }
    }

    void pass_signals() {
        unsigned char number = 0;
        while (control_ && ::read(control_.get(), &number, 1) == 1) {
            ::kill(child_, number);
        }
    }

    void reap() {
        signalfd_siginfo unread{};
        while (::read(ends_.get(), &unread, sizeof unread) > 0) {
        }
        int status = 0;
        for (pid_t who = 0; (who = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            if (who == child_) {
                code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            }
        }
    }

    const guest_request& asked_;
    output_channel out_;
    output_channel err_;
    descriptor control_;
    descriptor frames_;
    descriptor ends_;
    pid_t child_ = -1;
    std::optional<int> code_;
};

bool is_in_upper(int upper_folder, const std::string& path) {
    std::error_code failed;
    const auto whole = fs::weakly_canonical(path, failed);
    struct stat status{};
    return !failed &&
           ::fstatat(upper_folder, whole.relative_path().c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(status.st_mode);
}

void bring_back(const guest_request& asked, int shared_folder, int upper_folder) {
    check(::mkdirat(shared_folder, shared_file::results, 0700) == 0, shared_file::results);
    std::size_t number = 0;
    auto all = asked.wanted;
    all.insert(all.end(), asked.kept.begin(), asked.kept.end());
    for (const auto& path : all) {
        if (is_in_upper(upper_folder, path)) {
            const auto name = std::string(shared_file::results) + "/" + std::to_string(number++);
            const descriptor from(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
            const descriptor to(::openat(shared_folder, name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
            check(from && to, path.c_str());
            std::array<char, 65536> piece{};
            for (ssize_t got = 0; (got = ::read(from.get(), piece.data(), piece.size())) > 0;) {
                write_all(to.get(), {piece.data(), static_cast<std::size_t>(got)});
            }
            const descriptor label(
                ::openat(shared_folder, (name + ".name").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
            check(static_cast<bool>(label), path.c_str());
            write_all(label.get(), path);
        }
    }
}

/// Each file that is made in the upper layer takes from the kernel's randomness. The folders that the run's files
/// go to are made there first, however deep they lie, and the files themselves, and then all randomness begins anew:
/// what the run meets does not depend on where it was called and which outputs were asked for. Gives the files that
/// were not there before.
std::vector<std::string> begin_randomness(const guest_request& asked) {
    std::vector<fs::path> folders{asked.folder, "/tmp"};
    for (const auto& wanted : asked.wanted) {
        folders.push_back(fs::path(wanted).parent_path());
    }
    for (const auto& folder : folders) {
        struct stat status{};
        if (::stat(folder.c_str(), &status) == 0) {
            ::chmod(folder.c_str(), status.st_mode & 07777U);
        }
    }
    std::vector<std::string> made;
    for (const auto& wanted : asked.wanted) {
        if (const descriptor fresh(::open(wanted.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
            fresh) {
            [[maybe_unused]] const int given = ::fchown(fresh.get(), asked.user, asked.group);
            made.push_back(wanted);
        } else {
            // Opened to be written to, it is copied to the upper layer.
            const descriptor copied(::open(wanted.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK));
        }
    }
    const descriptor random(::open("/dev/urandom", O_RDONLY | O_CLOEXEC));
    check(::ioctl(random.get(), RNDRESEEDCRNG) == 0, "/dev/urandom");
    return made;
}

/// What was made for the run and is still empty was not written.
void forget_unwritten(const std::vector<std::string>& made) {
    for (const auto& path : made) {
        struct stat status{};
        if (::stat(path.c_str(), &status) == 0 && status.st_size == 0) {
            ::unlink(path.c_str());
        }
    }
}

void run() {
    build_root();
    const descriptor shared_folder(::open(guest_root::shared, O_PATH | O_DIRECTORY | O_CLOEXEC));
    const descriptor upper_folder(::open(guest_root::upper, O_PATH | O_DIRECTORY | O_CLOEXEC));
    check(shared_folder && upper_folder, guest_root::shared);
    enter_root();
    take_turns();
    ::sethostname("lab", 3);
    const auto asked = guest_request::read(read_all(shared_folder.get(), shared_file::request));
    const auto made = begin_randomness(asked);
    session program(asked, shared_folder.get());
    const int code = program.serve();
    forget_unwritten(made);
    bring_back(asked, shared_folder.get(), upper_folder.get());
    program.tell_end(code);
}

}  // namespace

void run_as_first_process() {
    try {
        run();
    } catch (const std::exception& failed) {
        // The kernel's log is all that is left to tell it with; the host reads it.
        const descriptor log(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
        const auto line = std::string("<0>aperto: ") + failed.what() + "\n";
        [[maybe_unused]] const auto put = ::write(log.get(), line.data(), line.size());
    }
    ::reboot(RB_POWER_OFF);
    ::_exit(1);
}

}  // namespace aperto::lab
