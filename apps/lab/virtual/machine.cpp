// SPDX-License-Identifier: MIT
#include "lab/virtual/machine.hpp"

#include "aperto/descriptor.hpp"
#include "core/environment.hpp"
#include "core/sentence.hpp"
#include "core/signal_set.hpp"
#include "lab/hosts/box.hpp"
#include "lab/virtual/guest_request.hpp"
#include "lab/virtual/janitor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace aperto::lab {

namespace fs = std::filesystem;

namespace {

using wall_clock = std::chrono::steady_clock;

/// Between two looks at what the run printed.
constexpr int look_ms = 5;
/// A run that was asked to end and says nothing for so long does not end by itself: a program in it computes, and
/// nothing else in there has a turn. One that goes on talking has longer.
constexpr auto silent_limit = std::chrono::seconds(2);
constexpr auto ending_limit = std::chrono::seconds(10);
/// With less than this a folder is full.
constexpr std::uintmax_t room_least = 65'536;
/// After so long of waiting for standard input, it is told.
constexpr int silent_input_ms = 2000;

void check(bool good, const std::string& what) {
    if (!good) {
        throw std::system_error(errno, std::system_category(), what);
    }
}

void write_all(int file, std::string_view bytes, const std::string& name) {
    while (!bytes.empty()) {
        const auto put = ::write(file, bytes.data(), bytes.size());
        if (put > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(put));
        } else if (put < 0 && errno == EAGAIN) {
            pollfd room{file, POLLOUT, 0};
            ::poll(&room, 1, -1);
        } else if (put < 0 && errno != EINTR) {
            check(false, name);
        }
    }
}

void write_file(const fs::path& path, std::string_view content) {
    const descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    check(static_cast<bool>(file), path.string());
    write_all(file.get(), content, path.string());
}

std::string read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool same_file(int one, int other) {
    struct stat a{};
    struct stat b{};
    return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Reads all of standard input, which the run then finds whole from its first moment on: when a byte of it
/// comes would be the host's time, not the run's.
void keep_input(const fs::path& to, const machine_plan& plan, signal_set& signals, machine_result& out) {
    const descriptor file(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    check(static_cast<bool>(file), to.string());
    bool told = false;
    while (true) {
        std::array<pollfd, 2> waits{{{STDIN_FILENO, POLLIN, 0}, {signals.descriptor(), POLLIN, 0}}};
        const int ready = ::poll(waits.data(), waits.size(), told ? -1 : silent_input_ms);
        if (ready == 0) {
            plan.notice(
                _("reading standard input to its end, before the run begins (< /dev/null has none)…"));
            told = true;
        }
        out.interrupted = signals.take();
        if (out.interrupted != 0) {
            return;
        }
        if (waits[0].revents == 0) {
            continue;
        }
        std::array<char, 65536> piece{};
        const auto got = ::read(STDIN_FILENO, piece.data(), piece.size());
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
            return;
        }
        write_all(file.get(), {piece.data(), got > 0 ? static_cast<std::size_t>(got) : 0}, to.string());
    }
}

/// As everywhere; APERTO_LABS, which says what is run, is the only one that stays.
void set_apart(guest_request& out) {
    out.environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "LANGUAGE=en", "TERM=dumb",
                       std::string(inside_variable) + "=1"};
    if (const auto labs = environment("APERTO_LABS"); !labs.empty()) {
        out.environment.push_back("APERTO_LABS=" + fs::absolute(labs).string());
    }
    out.folder = "/";
    out.mask = 022;
    out.in = stdio_kind::nothing;
    out.out = out.err = stdio_kind::pipe;
    out.rows = guest_request{}.rows;
    out.columns = guest_request{}.columns;
}

guest_request request_for(const machine_plan& plan) {
    guest_request out;
    out.arguments = plan.arguments;
    out.arguments.insert(out.arguments.begin(), fs::read_symlink("/proc/self/exe").string());
    for (char** each = ::environ; *each != nullptr; ++each) {
        out.environment.emplace_back(*each);
    }
    out.environment.push_back(std::string(inside_variable) + "=1");
    out.folder = fs::current_path().string();
    out.user = ::geteuid();
    out.group = ::getegid();
    out.groups.resize(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
    ::getgroups(static_cast<int>(out.groups.size()), out.groups.data());
    out.mask = ::umask(0);
    ::umask(out.mask);
    const auto kind = [](int which) {
        return ::isatty(which) != 0          ? stdio_kind::terminal
               : ::fcntl(which, F_GETFD) < 0 ? stdio_kind::nothing
                                             : stdio_kind::pipe;
    };
    out.in = ::isatty(STDIN_FILENO) == 0 ? stdio_kind::file : stdio_kind::nothing;
    out.out = kind(STDOUT_FILENO);
    out.err = same_file(STDOUT_FILENO, STDERR_FILENO) ? stdio_kind::as_output : kind(STDERR_FILENO);
    winsize size{};
    for (const int each : {STDOUT_FILENO, STDERR_FILENO}) {
        if (::ioctl(each, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
            out.rows = size.ws_row;
            out.columns = size.ws_col;
            break;
        }
    }
    out.wanted = plan.wanted;
    out.kept = plan.kept;
    if (plan.apart) {
        set_apart(out);
    }
    return out;
}

class machine {
public:
    explicit machine(const machine_plan& plan) : plan_(plan) { start_janitor(); }
    ~machine() {
        life_.close();
        if (janitor_ > 0) {
            ::waitpid(janitor_, nullptr, 0);
        }
    }
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;

    machine_result run() {
        signal_set signals({.ending = {SIGINT, SIGTERM, SIGHUP}});
        const auto began = wall_clock::now();
        const auto asked = request_for(plan_);
        write_file(folder_ / shared_file::request, asked.text());
        write_file(folder_ / shared_file::output, "");
        fs::create_symlink(asked.arguments[0], folder_ / "init");
        if (asked.in == stdio_kind::file) {
            keep_input(folder_ / shared_file::input, plan_, signals, result_);
        }
        if (result_.interrupted == 0) {
            output_ = descriptor(::open((folder_ / shared_file::output).c_str(), O_RDONLY | O_CLOEXEC));
            check(output_ && ::write(life_.get(), "", 1) == 1, folder_.string());
            watch(signals, began);
        }
        if (result_.interrupted != 0) {
            result_.code = 128 + result_.interrupted;
        }
        result_.took = wall_clock::now() - began;
        return result_;
    }

private:
    void start_janitor() {
        std::array<int, 2> life{};
        std::array<int, 2> control{};
        check(::pipe2(life.data(), O_CLOEXEC) == 0, "pipe");
        const descriptor life_end(life[0]);
        life_ = descriptor(life[1]);
        check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control.data()) == 0, "socketpair");
        control_ = descriptor(control[0]);
        descriptor inner(control[1]);
        janitor_ = ::fork();
        check(janitor_ >= 0, "fork");
        if (janitor_ == 0) {
            life_.close();
            control_.close();
            be_janitor(plan_.kernel.path, plan_.seed, life_end.get(), inner.get());
        }
        inner.close();
        std::array<char, 4096> name{};
        pollfd told{control_.get(), POLLIN, 0};
        ::poll(&told, 1, -1);
        const auto got = ::recv(control_.get(), name.data(), name.size(), MSG_DONTWAIT);
        folder_ = std::string(name.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
        if (folder_.empty()) {
            throw machine_failed(sentence(_("no folder can be made in {}; TMPDIR names another"),
                                          environment("TMPDIR", "/tmp")));
        }
    }

    /// Passes on what is printed, and signals, until the run has ended.
    void watch(signal_set& signals, wall_clock::time_point began) {
        auto limit = began + plan_.wall_limit;
        while (!ended_) {
            std::array<pollfd, 2> waits{{{signals.descriptor(), POLLIN, 0}, {control_.get(), 0, 0}}};
            ::poll(waits.data(), waits.size(), look_ms);
            const bool gone = (waits[1].revents & (POLLHUP | POLLERR)) != 0;
            pass_output();
            if (ended_) {
                break;
            }
            if (gone) {
                fail();
            }
            if (const int number = signals.take(); number != 0 && result_.interrupted == 0) {
                result_.interrupted = number;
                const auto byte = static_cast<unsigned char>(number == SIGHUP ? SIGTERM : number);
                [[maybe_unused]] const auto put = ::write(control_.get(), &byte, 1);
                limit = std::min(limit, wall_clock::now() + ending_limit);
                spoke_ = wall_clock::now();
            }
            const bool silent = result_.interrupted != 0 && wall_clock::now() >= spoke_ + silent_limit;
            if (silent || wall_clock::now() >= limit) {
                result_.timed_out = result_.interrupted == 0;
                return;
            }
        }
        bring_back();
    }

    void pass_output() {
        std::array<char, 65536> piece{};
        for (ssize_t got = 0; (got = ::read(output_.get(), piece.data(), piece.size())) > 0;) {
            held_.append(piece.data(), static_cast<std::size_t>(got));
        }
        std::string_view rest = held_;
        for (read_frame one{}; next_frame(rest, one); rest.remove_prefix(one.size)) {
            spoke_ = wall_clock::now();
            if (one.kind == frame_kind::ended) {
                std::istringstream(std::string(one.bytes)) >> result_.code >> result_.virtual_seconds;
                ended_ = true;
            } else if (one.kind == frame_kind::out) {
                plan_.printed(one.bytes);
                pass_on(STDOUT_FILENO, one.bytes);
            } else {
                pass_on(STDERR_FILENO, one.bytes);
            }
        }
        held_.erase(0, held_.size() - rest.size());
    }

    void pass_on(int to, std::string_view bytes) const {
        if (!plan_.silent) {
            write_all(to, bytes, _("standard output"));
        }
    }

    void bring_back() {
        for (std::size_t number = 0;; ++number) {
            const auto file = folder_ / shared_file::results / std::to_string(number);
            const auto name = read_file(file.string() + ".name");
            if (name.empty()) {
                return;
            }
            auto content = read_file(file);
            if (!plan_.finished(name, content)) {
                continue;
            }
            const descriptor to(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
            check(static_cast<bool>(to), name);
            write_all(to.get(), content, name);
        }
    }

    [[noreturn]] void fail() {
        auto log = read_file(folder_ / shared_file::kernel_log);
        constexpr std::size_t shown = 1500;
        if (log.size() > shown) {
            log.erase(0, log.find('\n', log.size() - shown) + 1);
        }
        if (log.find("ptrace") != std::string::npos &&
            log.find("Operation not permitted") != std::string::npos) {
            throw cannot_here(_("this machine forbids ptrace(2), by which a user-mode kernel works"),
                              tracing_remedy());
        }
        throw machine_failed(sentence(_("the virtual kernel {} ended before the run did: {}"),
                                      plan_.kernel.path, reason(log)));
    }

    /// Why the kernel ended.
    std::string reason(const std::string& log) const {
        std::error_code failed;
        const auto room = fs::space(folder_, failed);
        if (!failed && room.available < room_least) {
            return sentence(_("{} is full; TMPDIR names another folder"), folder_.parent_path().string());
        }
        rlimit files{};
        if (::getrlimit(RLIMIT_FSIZE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
            return _("it may not write a file as large as its memory (ulimit -f)");
        }
        if (log.find("errno = -12") != std::string::npos) {
            return _("there is no memory for it, or it may not have so much (ulimit -v)");
        }
        return sentence(_("its last words:\n{}"), log);
    }

    const machine_plan& plan_;
    fs::path folder_;
    descriptor life_;
    descriptor control_;
    descriptor output_;
    pid_t janitor_ = -1;
    std::string held_;
    bool ended_ = false;
    wall_clock::time_point spoke_{};  ///< when something came from inside
    machine_result result_;
};

}  // namespace

std::string tracing_remedy() {
    return _("in Docker: docker run --cap-add SYS_PTRACE …, or --security-opt seccomp=unconfined");
}

machine_result run_machine(const machine_plan& plan) { return machine(plan).run(); }

}  // namespace aperto::lab
