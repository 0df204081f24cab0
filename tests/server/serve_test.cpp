// SPDX-License-Identifier: MIT
// `serve` as a whole program, each in a process of its own, which already runs a thread: the signals that end
// it.
#include "aperto/server.hpp"
#include "server/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <string>
#include <thread>

namespace aperto {
namespace {

using namespace std::chrono_literals;

constexpr int handlers_left = 77;

/// Says through a pipe where it listens.
struct announcer final : server_events {
    explicit announcer(int to) : descriptor(to) {}
    void listening(const endpoint& where) override { say(where.port()); }
    void stopping() override { say(0); }
    void say(std::uint16_t port) const {
        if (::write(descriptor, &port, sizeof port) != sizeof port) ::_exit(1);
    }
    int descriptor;
};

class program {
public:
    program(engine which, const std::function<void()>& before) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe(ends.data()), 0);
        process_ = ::fork();
        if (process_ == 0) {
            ::alarm(30);  // whatever happens
            before();
            std::thread([] { ::pause(); }).detach();
            ::_exit(main(which, ends[1]));
        }
        ::close(ends[1]);
        from_ = ends[0];
        port = hear();
    }
    program(const program&) = delete;
    program& operator=(const program&) = delete;
    ~program() {
        ::close(from_);
        if (process_ <= 0) return;
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }

    void send(int signal) const { ::kill(process_, signal); }
    std::uint16_t hear() const {
        std::uint16_t said = 0;
        EXPECT_EQ(::read(from_, &said, sizeof said), static_cast<ssize_t>(sizeof said));
        return said;
    }
    /// As waitpid(2) tells it.
    int wait_for_end() {
        int status = 0;
        EXPECT_EQ(::waitpid(std::exchange(process_, -1), &status, 0) > 0, true);
        return status;
    }
    plain_client connect() const { return plain_client(*endpoint::from_address("127.0.0.1", port)); }

    std::uint16_t port = 0;

private:
    static int main(engine which, int announce) {
        announcer told(announce);
        options chosen{.host = "127.0.0.1", .port = 0, .workers = 2, .engine = which};
        chosen.framing = framing::line;
        chosen.drain_deadline = 20s;
        chosen.events = &told;
        struct sigaction before{};
        ::sigaction(SIGTERM, nullptr, &before);
        const int code = serve(chosen, [](std::string_view text) { return std::string(text); });
        struct sigaction after{};
        ::sigaction(SIGTERM, nullptr, &after);
        return after.sa_handler == before.sa_handler ? code : handlers_left;
    }

    pid_t process_ = -1;
    int from_ = -1;
};

class serve_on : public testing::TestWithParam<engine> {};
INSTANTIATE_TEST_SUITE_P(engines, serve_on, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(serve_on, the_first_signal_drains_though_the_program_had_a_thread_before) {
    for (const int signal : {SIGINT, SIGTERM}) {
        program serving(GetParam(), [] {});
        plain_client client = serving.connect();
        EXPECT_EQ(client.send("one\ntw").receive(4), "one\n");
        serving.send(signal);
        EXPECT_EQ(serving.hear(), 0) << "it is stopping";
        EXPECT_EQ(client.send("o\n").receive(4), "two\n") << "a message in progress is answered";
        EXPECT_EQ(client.receive_all(), "");
        EXPECT_FALSE(client.was_reset());
        client.close();
        const int status = serving.wait_for_end();
        EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
        EXPECT_EQ(WEXITSTATUS(status), 0);
    }
}

TEST_P(serve_on, the_second_signal_does_not_wait_for_the_drain) {
    program serving(GetParam(), [] {});
    plain_client client = serving.connect();
    EXPECT_EQ(client.send("one\ntw").receive(4), "one\n");
    serving.send(SIGTERM);
    EXPECT_EQ(serving.hear(), 0);
    serving.send(SIGINT);
    const int status = serving.wait_for_end();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
}

TEST_P(serve_on, a_signal_that_was_ignored_before_stays_ignored) {
    program serving(GetParam(), [] { std::signal(SIGINT, SIG_IGN); });
    plain_client client = serving.connect();
    serving.send(SIGINT);
    serving.send(SIGINT);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(client.send("still\n").receive(6), "still\n");
        std::this_thread::sleep_for(5ms);
    }
    serving.send(SIGTERM);
    EXPECT_EQ(serving.hear(), 0);
    client.close();
    EXPECT_EQ(serving.wait_for_end(), 0);
}

/// What `serve`, in a process of its own, says on standard error, which is `theirs`, until it says `until` or
/// ends.
std::string said_by_serve(int ours, int theirs, server_events* events, std::string_view until) {
    const pid_t process = ::fork();
    if (process == 0) {
        ::alarm(30);  // whatever happens
        ::dup2(theirs, STDERR_FILENO);
        ::close(ours);
        ::close(theirs);
        std::thread([] { ::usleep(300'000), ::kill(::getpid(), SIGTERM); }).detach();
        ::_exit(serve({.host = "127.0.0.1", .port = 0, .engine = engine::epoll, .events = events},
                      [](std::string_view text) { return std::string(text); }));
    }
    ::close(theirs);
    std::string said;
    std::array<char, 256> piece{};
    while (said.find(until) == std::string::npos) {
        const ssize_t got = ::read(ours, piece.data(), piece.size());
        if (got <= 0) break;
        said.append(piece.data(), static_cast<std::size_t>(got));
    }
    int status = -1;
    ::waitpid(process, &status, 0);
    EXPECT_EQ(status, 0);
    ::close(ours);
    return said;
}

TEST(Serve, SaysOnATerminalThatItListens) {
    int ours = -1;
    int theirs = -1;
    ASSERT_EQ(::openpty(&ours, &theirs, nullptr, nullptr, nullptr), 0);
    EXPECT_THAT(said_by_serve(ours, theirs, nullptr, "\n"),
                testing::MatchesRegex("listening on 127\\.0\\.0\\.1, port [0-9]+; Ctrl-C ends\r\n"));
}

TEST(Serve, LeavesTheStandardErrorOfAProgramAlone) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    EXPECT_EQ(said_by_serve(pipe[0], pipe[1], nullptr, "\n"), "");
    int ours = -1;
    int theirs = -1;
    ASSERT_EQ(::openpty(&ours, &theirs, nullptr, nullptr, nullptr), 0);
    server_events taken;
    EXPECT_EQ(said_by_serve(ours, theirs, &taken, "\n"), "") << "who takes the events has words of their own";
}

TEST(Serve, SaysWhichOptionIsOutOfItsRange) {
    testing::internal::CaptureStderr();
    const int code =
        serve({.port = 0, .high_water = 0}, [](std::string_view text) { return std::string(text); });
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_EQ(code, 5);
    EXPECT_NE(said.find("error: could not use the option high_water = 0"), std::string::npos) << said;
    EXPECT_NE(said.find("high_water takes a size like 4096, 64KiB or 1MiB, at least 1"), std::string::npos)
        << said;
}

}  // namespace
}  // namespace aperto
