// SPDX-License-Identifier: MIT
// Sockets that somebody else opened, also of a family without ports: AF_UNIX.
#include "net/duet.hpp"

#include <fcntl.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class FromFd : public StreamTest {
protected:
    std::filesystem::path folder = make_folder();
    ~FromFd() override { std::filesystem::remove_all(folder); }

    static std::filesystem::path make_folder() {
        std::string pattern = std::filesystem::temp_directory_path() / "aperto.XXXXXX";
        return ::mkdtemp(pattern.data());
    }
    static sockaddr_un address_of(const std::filesystem::path& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        return address;
    }
    static int listening(const std::filesystem::path& path) {
        const int made = ::socket(AF_UNIX, SOCK_STREAM, 0);
        const sockaddr_un address = address_of(path);
        EXPECT_EQ(::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(made, 10), 0);
        return made;
    }
    static int connected(const std::filesystem::path& path) {
        const int made = ::socket(AF_UNIX, SOCK_STREAM, 0);
        const sockaddr_un address = address_of(path);
        EXPECT_EQ(::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        return made;
    }
};
INSTANTIATE_TEST_SUITE_P(Engines, FromFd, testing::Values(engine::uring, engine::epoll), engine_name);

task<> capitals(stream peer) {
    while (auto line = co_await peer.read_line())
        co_await peer.write("<" + std::string(*line) + ">\n");
    task<> closing = peer.close();
    co_await closing;
}

TEST_P(FromFd, AConversationOverAUnixSocket) {
    const auto path = folder / "socket";
    const auto story = [](const std::filesystem::path& where) -> task<> {
        listener door = listener::from_fd(listening(where));
        EXPECT_EQ(door.local().to_string(), "unix:" + where.string());
        stream caller = stream::from_fd(connected(where));
        task_group group;
        group.spawn([](listener& at) -> task<> {
            stream peer = co_await at.accept();
            EXPECT_FALSE(peer.remote());
            task<> talking = capitals(std::move(peer));
            co_await talking;
        }(door));
        const std::string large(1'000'000, 'x');
        for (const std::string& each : {std::string("one"), large, std::string("two")}) {
            co_await caller.write(each + "\n");
            const auto reply = co_await caller.read_line();
            EXPECT_EQ(reply, "<" + each + ">");
        }
        co_await caller.shutdown_write();
        const auto end = co_await caller.read_line();
        EXPECT_FALSE(end);
        task<> joining = group.join();
        co_await joining;
    };
    play(story(path));
}

TEST_P(FromFd, APairOfSockets) {
    const auto story = []() -> task<> {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
        stream one = stream::from_fd(ends[0]);
        stream two = stream::from_fd(ends[1]);
        co_await one.write("hello\n");
        const auto line = co_await two.read_line();
        EXPECT_EQ(line, "hello");
        one.abort();
        const auto end = [](stream& from) -> task<> { co_await from.read_line(); };
        task<std::error_code> reading = failure_of(end(two));
        const std::error_code how = co_await reading;
        EXPECT_TRUE(!how || how == std::errc::connection_reset) << how.message();
    };
    play(story());
}

TEST_P(FromFd, WhatIsNoSuchSocketIsRefusedAndStaysOpen) {
    const auto path = folder / "socket";
    const auto story = [](const std::filesystem::path& where) -> task<> {
        const int door = listening(where);
        const int file = ::open("/dev/null", O_RDONLY);
        const int datagrams = ::socket(AF_INET, SOCK_DGRAM, 0);
        const int alone = ::socket(AF_INET, SOCK_STREAM, 0);
        const int caller = connected(where);
        EXPECT_THROW(stream::from_fd(door), error);
        EXPECT_THROW(stream::from_fd(file), error);
        EXPECT_THROW(stream::from_fd(datagrams), error);
        EXPECT_THROW(stream::from_fd(alone), error);
        EXPECT_THROW(stream::from_fd(-1), error);
        EXPECT_THROW(listener::from_fd(caller), error);
        EXPECT_THROW(listener::from_fd(alone), error);
        for (const int each : {door, file, datagrams, alone, caller})
            EXPECT_EQ(::close(each), 0);
        co_return;
    };
    play(story(path));
}

}  // namespace
}  // namespace aperto
