// SPDX-License-Identifier: MIT
#include "cli/serve/confinement.hpp"

#include "aperto/descriptor.hpp"
#include "aperto/error.hpp"
#include "cli/serve/serve.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <netinet/in.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace aperto::cli {
namespace {

/// The kernel is the judge: every attempt is made by a process of its own, confined before, and its answer is what errno says.
class Confinement : public testing::Test {
protected:
    void SetUp() override {
        folder_ = testing::TempDir() + "confinement-XXXXXX";
        ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
        std::ofstream(file()) << "inside\n";
        if (const std::string open = left_open(); !open.empty()) GTEST_SKIP() << "left open here: " << open;
    }
    void TearDown() override {
        ::unlink(file().c_str());
        ::unlink((folder_ + "/new").c_str());
        ::rmdir(folder_.c_str());
    }

    std::string file() const { return folder_ + "/file"; }
    const std::string& folder() const { return folder_; }

    /// What `attempt` gives in a confined process: errno, 0 where it was allowed. `before` runs ahead of it, free.
    static int confined(const confinement& to, const std::function<bool()>& attempt,
                        const std::function<void()>& before = {}) {
        const pid_t child = ::fork();
        if (child == 0) {
            if (before) before();
            try {
                confine(to);
            } catch (const error&) {
                ::_exit(250);
            }
            errno = 0;
            const bool allowed = attempt();
            ::_exit(allowed ? 0 : errno);
        }
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }

    static int opening(const confinement& to, const std::string& path, int flags) {
        return confined(to, [&] { return ::open(path.c_str(), flags, 0600) >= 0; });
    }

private:
    static std::string left_open() {
        int ends[2];
        if (::pipe(ends) != 0) return "no pipe";
        const pid_t child = ::fork();
        if (child == 0) {
            std::string open;
            try {
                open = confine({});
            } catch (const error& failed) {
                open = failed.what();
            }
            if (::write(ends[1], open.data(), open.size()) < 0) ::_exit(1);
            ::_exit(0);
        }
        ::close(ends[1]);
        char text[200];
        const ssize_t size = ::read(ends[0], text, sizeof text);
        ::close(ends[0]);
        ::waitpid(child, nullptr, 0);
        return {text, size > 0 ? static_cast<std::size_t>(size) : 0U};
    }

    std::string folder_;
};

bool connects(int family, const sockaddr* to, socklen_t size) {
    const int made = ::socket(family, SOCK_STREAM, 0);
    return made >= 0 && ::connect(made, to, size) == 0;
}

TEST_F(Confinement, opens_no_file) {
    EXPECT_EQ(opening({}, "/etc/passwd", O_RDONLY), EACCES);
    EXPECT_EQ(opening({}, file(), O_RDONLY), EACCES);
    EXPECT_EQ(opening({}, folder() + "/new", O_WRONLY | O_CREAT), EACCES);
    EXPECT_EQ(opening({}, "/proc/self/mem", O_RDWR), EACCES);
}

TEST_F(Confinement, reads_again_what_it_was_told_of_and_nothing_beside_it) {
    EXPECT_EQ(opening({.readable = {file()}}, file(), O_RDONLY), 0);
    EXPECT_EQ(opening({.readable = {file()}}, file(), O_WRONLY), EACCES);
    EXPECT_EQ(opening({.readable = {folder()}}, file(), O_RDONLY), 0);
    EXPECT_EQ(opening({.readable = {folder()}}, folder() + "/../", O_RDONLY | O_DIRECTORY), EACCES);
}

TEST_F(Confinement, writes_makes_and_removes_where_it_was_told_to) {
    const confinement to{.writable = {folder()}};
    EXPECT_EQ(opening(to, folder() + "/new", O_RDWR | O_CREAT | O_TRUNC), 0);
    EXPECT_EQ(confined(to, [&] { return ::unlink(file().c_str()) == 0; }), 0);
    EXPECT_EQ(confined(to, [&] { return ::symlink("/etc", (folder() + "/link").c_str()) == 0; }), EPERM);
    EXPECT_EQ(opening(to, "/tmp/confinement-elsewhere", O_WRONLY | O_CREAT), EACCES);
}

TEST_F(Confinement, removes_a_name_without_writing_beside_it) {
    const confinement to{.emptied = {folder()}};
    EXPECT_EQ(opening(to, folder() + "/new", O_WRONLY | O_CREAT), EACCES);
    EXPECT_EQ(confined(to, [&] { return ::unlink(file().c_str()) == 0; }), 0);
}

TEST_F(Confinement, runs_no_program_and_starts_no_process) {
    const auto run = [] {
        char name[] = "/bin/true";
        char* const words[] = {name, nullptr};
        return ::execv(name, words) == 0;
    };
    EXPECT_EQ(confined({.readable = {"/"}}, run), EPERM);
    EXPECT_EQ(confined({}, [] { return ::fork() >= 0; }), EPERM);
    EXPECT_EQ(confined({}, [] { return ::syscall(SYS_vfork) >= 0; }), EPERM);
}

TEST_F(Confinement, starts_threads_which_are_confined_too) {
    const auto attempt = [] {
        int seen = 0;
        std::thread([&seen] { seen = ::open("/etc/passwd", O_RDONLY) < 0 ? errno : 0; }).join();
        errno = seen;
        return false;
    };
    EXPECT_EQ(confined({}, attempt), EACCES);
}

TEST_F(Confinement, connects_nowhere) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* const address = reinterpret_cast<const sockaddr*>(&to);
    EXPECT_EQ(confined({}, [&] { return connects(AF_INET, address, sizeof to); }), EPERM);
    // With a socket from before: the call is refused.
    static int made = -1;
    const auto make = [] { made = ::socket(AF_INET, SOCK_STREAM, 0); };
    EXPECT_EQ(confined({}, [&] { return ::connect(made, address, sizeof to) == 0; }, make), EPERM);
    EXPECT_EQ(confined({}, [&] { return ::bind(made, address, sizeof to) == 0; }, make), EPERM);
}

TEST_F(Confinement, touches_no_other_process) {
    EXPECT_EQ(confined({}, [] { return ::kill(::getppid(), 0) == 0; }), EPERM);
    EXPECT_EQ(confined({}, [] { return ::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0) == 0; }), EPERM);
    EXPECT_EQ(confined({}, [] { return ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr) == 0; }),
              EPERM);
    const rlimit more{.rlim_cur = 10, .rlim_max = 10};
    EXPECT_EQ(confined({}, [&] { return ::setrlimit(RLIMIT_NOFILE, &more) == 0; }), EPERM);
    EXPECT_EQ(confined({}, [] { return ::getrlimit(RLIMIT_NOFILE, std::make_unique<rlimit>().get()) == 0; }),
              0);
}

/// seccomp sees no operation of a ring: there it is Landlock alone that refuses.
class ConfinedRing : public Confinement {
protected:
    static int through_a_ring(const std::function<void(io_uring_sqe&)>& prepare) {
        static io_uring ring;
        const auto attempt = [&] {
            io_uring_sqe* const entry = ::io_uring_get_sqe(&ring);
            prepare(*entry);
            io_uring_cqe* done = nullptr;
            if (::io_uring_submit_and_wait(&ring, 1) < 0 || ::io_uring_peek_cqe(&ring, &done) != 0)
                return false;
            errno = done->res < 0 ? -done->res : 0;
            return done->res >= 0;
        };
        return confined({}, attempt, [] {
            if (::io_uring_queue_init(4, &ring, 0) != 0) ::_exit(251);
        });
    }
    void SetUp() override {
        io_uring trial;
        if (::io_uring_queue_init(4, &trial, 0) != 0) GTEST_SKIP() << "this kernel refuses io_uring";
        ::io_uring_queue_exit(&trial);
        Confinement::SetUp();
    }
};

TEST_F(ConfinedRing, opens_no_file) {
    EXPECT_EQ(through_a_ring([](io_uring_sqe& entry) {
                  ::io_uring_prep_openat(&entry, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
              }),
              EACCES);
}

TEST_F(ConfinedRing, connects_nowhere) {
    const descriptor made(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(through_a_ring([&](io_uring_sqe& entry) {
                  ::io_uring_prep_connect(&entry, made.get(), reinterpret_cast<const sockaddr*>(&to),
                                          sizeof to);
              }),
              EACCES);
}

TEST(NeededByServing, is_of_the_file_system_what_its_options_name_and_nothing_else) {
    serve_request request;
    request.options.host = "127.0.0.1";
    EXPECT_TRUE(needed_by(request).readable.empty());  // the usual names of certificates are no use of them
    EXPECT_TRUE(needed_by(request).writable.empty());
    EXPECT_TRUE(needed_by(request).emptied.empty());
    request.tls.on = true;
    request.tls.certificate = "/nowhere/tls/cert.pem";
    request.tls.key = "/nowhere/keys/key.pem";
    request.journal.file = "book.db";
    request.options.also_listen = {"unix:/run/chat/door", "unix:@chat", "[::1]:9998"};
    EXPECT_EQ(needed_by(request).readable, (std::vector<std::string>{"/nowhere/tls/", "/nowhere/keys/"}));
    EXPECT_EQ(needed_by(request).writable, (std::vector<std::string>{"."}));
    EXPECT_EQ(needed_by(request).emptied, (std::vector<std::string>{"/run/chat/"}));
}

TEST(FindAccount, knows_users_and_groups_and_says_who_is_missing) {
    EXPECT_EQ(find_account("root").value().user, 0U);
    EXPECT_EQ(find_account("nobody:root").value().group, 0U);
    EXPECT_FALSE(find_account("nobody-of-that-name"));
    EXPECT_FALSE(find_account("root:no-such-group"));
}

/// Root's powers go, but for the ports below 1024, until it is confined; then those too.
TEST_F(Confinement, becomes_another_user_who_still_binds_low_ports_until_confined) {
    if (::geteuid() != 0) GTEST_SKIP() << "takes root";
    const auto bind_low = [] {
        const descriptor made(::socket(AF_INET, SOCK_STREAM, 0));
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(811);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return ::bind(made.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    };
    const auto attempt = [] { return ::getuid() != 0 && ::setuid(0) != 0; };
    EXPECT_EQ(confined({}, attempt,
                       [&] {
                           become(find_account("nobody").value());
                           if (!bind_low() || ::open("/etc/shadow", O_RDONLY) >= 0) ::_exit(252);
                       }),
              0);
}

}  // namespace
}  // namespace aperto::cli
