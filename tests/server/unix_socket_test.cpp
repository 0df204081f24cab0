// SPDX-License-Identifier: MIT
// Unix sockets by their names: endpoints, listeners, servers and clients.
#include "aperto/client.hpp"
#include "aperto/listener.hpp"
#include "aperto/loop.hpp"
#include "aperto/server.hpp"
#include "aperto/sleep.hpp"
#include "io/bound_path.hpp"
#include "net/duet.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>
#include <string>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

/// A folder for names, which goes with its content.
class folder {
public:
    folder() { EXPECT_NE(::mkdtemp(where_.data()), nullptr); }
    ~folder() { std::filesystem::remove_all(where_); }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    std::string path(std::string_view name) const { return where_ + '/' + std::string(name); }
    std::string socket(std::string_view name) const { return "unix:" + path(name); }

private:
    std::string where_ = std::filesystem::temp_directory_path() / "aperto-unix-XXXXXX";
};

class UnixFolder : public testing::Test {
protected:
    folder names;
};

class UnixSocket : public StreamTest {
protected:
    folder names;
};
INSTANTIATE_TEST_SUITE_P(Engines, UnixSocket, testing::Values(engine::uring, engine::epoll), engine_name);

TEST(UnixEndpoint, IsWrittenAndReadBack) {
    for (const std::string text : {"unix:/run/chat.sock", "unix:relative", "unix:@abstract", "unix:a b:9"}) {
        const endpoint named = endpoint::parse(text);
        EXPECT_EQ(named.family(), AF_UNIX);
        EXPECT_EQ(named.to_string(), text);
        EXPECT_EQ(named, endpoint::parse(text));
        EXPECT_TRUE(named);
        EXPECT_FALSE(named.is_loopback() || named.is_any());
        EXPECT_EQ(host_port::parse(text).to_string(), text);
    }
    EXPECT_NE(endpoint::parse("unix:a"), endpoint::parse("unix:b"));
    EXPECT_FALSE(endpoint::from_address("unix:/run/a", 1)) << "which asks whether it is numeric";
    const std::string longest(107, 'x');
    EXPECT_EQ(endpoint::parse("unix:" + longest).to_string(), "unix:" + longest);
    for (const std::string& wrong : {std::string("unix:"), std::string("unix:@"), "unix:" + longest + 'x',
                                     std::string("unix:a\0b", 8)}) {
        EXPECT_THROW(endpoint::parse(wrong), error);
        EXPECT_THROW(host_port::parse(wrong), error);
    }
}

TEST(UnixEndpoint, IsTheKernelsForm) {
    sockaddr_storage address{};
    const auto& local = reinterpret_cast<const sockaddr_un&>(address);
    const socklen_t path = endpoint::parse("unix:/a").to_sockaddr(address);
    EXPECT_EQ(path, offsetof(sockaddr_un, sun_path) + 3) << "the NUL belongs to it (unix(7))";
    EXPECT_STREQ(local.sun_path, "/a");
    const socklen_t abstract = endpoint::parse("unix:@a").to_sockaddr(address);
    EXPECT_EQ(abstract, offsetof(sockaddr_un, sun_path) + 2);
    EXPECT_EQ(std::string_view(local.sun_path, 2), std::string_view("\0a", 2));
}

task<> visit(std::string where, std::string& got) {
    client_options chosen;
    chosen.stream.framing = framing::line;
    task<stream> connecting = connect(host_port::parse(where), chosen);
    stream peer = co_await connecting;
    EXPECT_EQ(peer.remote().to_string(), where);
    co_await peer.write("hello\n");
    const auto line = co_await peer.read_line();
    got = line.value_or("nothing");
}

task<> answer_one(listener& door) {
    stream peer = co_await door.accept();
    EXPECT_FALSE(peer.remote()) << "a client's socket has no name";
    const auto line = co_await peer.read_line();
    const std::string reply = std::string(line.value_or("")) + " there\n";
    co_await peer.write(reply);
}

task<> meet_at(std::string where) {
    listener door(endpoint::parse(where));
    EXPECT_EQ(door.local().to_string(), where);
    std::string got;
    task_group group;
    group.spawn(answer_one(door));
    group.spawn(visit(where, got));
    task<> joining = group.join();
    co_await joining;
    EXPECT_EQ(got, "hello there");
}

TEST_P(UnixSocket, ListensAndConnectsByName) {
    const std::string path = names.socket("door");
    play(meet_at(path));
    EXPECT_FALSE(std::filesystem::exists(names.path("door"))) << "the name goes with the listener";
    play(meet_at("unix:@aperto-test-" + std::to_string(::getpid())));
}

TEST_P(UnixSocket, TakesOverTheNameOfAProcessThatIsGoneAndNoOther) {
    const auto story = [&]() -> task<> {
        const endpoint where = endpoint::parse(names.socket("door"));
        sockaddr_storage address{};
        const socklen_t length = where.to_sockaddr(address);
        const int gone = ::socket(AF_UNIX, SOCK_STREAM, 0);
        EXPECT_EQ(::bind(gone, reinterpret_cast<sockaddr*>(&address), length), 0);
        EXPECT_EQ(::listen(gone, 1), 0);
        EXPECT_THROW(listener{where}, error) << "somebody listens there";
        ::close(gone);  // without removing its name
        {
            const listener door(where);
        }
        EXPECT_FALSE(std::filesystem::exists(names.path("door")));
        const int file = ::open(names.path("door").c_str(), O_CREAT | O_WRONLY, 0600);
        ::close(file);
        EXPECT_THROW(listener{where}, error);
        EXPECT_TRUE(std::filesystem::exists(names.path("door"))) << "a file is no socket";
        co_return;
    };
    play(story());
}

TEST_P(UnixSocket, ANameThatSomebodyElseHasMeanwhileStays) {
    const auto story = [&]() -> task<> {
        const endpoint where = endpoint::parse(names.socket("door"));
        listener first(where);
        std::filesystem::remove(names.path("door"));
        listener second(where);
        first.close();
        EXPECT_TRUE(std::filesystem::exists(names.path("door")));
        co_return;
    };
    play(story());
}

void bind_a_socket(const endpoint& where) {
    sockaddr_storage address{};
    const socklen_t length = where.to_sockaddr(address);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), length), 0);
    ::close(socket);
}

TEST_F(UnixFolder, ANameIsNotTakenForItsSuccessorThatHasGotItsNumber) {
    const endpoint where = endpoint::parse(names.socket("door"));
    bind_a_socket(where);
    io::bound_path first(where);
    std::filesystem::remove(names.path("door"));
    bind_a_socket(where);  // a file system that gives numbers again gives the same
    first.remove();
    EXPECT_TRUE(std::filesystem::exists(names.path("door")));
}

TEST_P(UnixSocket, AFullQueueIsWaitedFor) {
    const auto story = [&]() -> task<> {
        const endpoint where = endpoint::parse(names.socket("door"));
        listen_options narrow;
        narrow.backlog = 1;
        listener door(where, narrow);
        std::vector<std::string> got(6);
        task_group group;
        for (std::string& each : got)
            group.spawn(visit(where.to_string(), each));
        co_await sleep(50ms);
        for (std::size_t i = 0; i < got.size(); ++i) {
            task<> answering = answer_one(door);
            co_await answering;
        }
        task<> joining = group.join();
        co_await joining;
        for (const std::string& each : got)
            EXPECT_EQ(each, "hello there");
    };
    play(story());
}

TEST_P(UnixSocket, AServerOfSeveralWorkersListensOnOne) {
    const std::string where = names.socket("service");
    options chosen{.host = where, .workers = 3, .engine = GetParam(), .framing = framing::line};
    chosen.drain_grace = 0ms;
    server serving(chosen, [](std::string_view line) { return std::string(line) + '!'; });
    serving.start();
    EXPECT_EQ(serving.endpoints().front().to_string(), where);
    const auto story = [&]() -> task<> {
        for (int i = 0; i < 20; ++i) {
            std::string got;
            task<> visiting = visit(where, got);
            co_await visiting;
            EXPECT_EQ(got, "hello!");
        }
    };
    play(story());
    serving.stop();
    serving.wait();
    EXPECT_FALSE(std::filesystem::exists(names.path("service")));
}

TEST_P(UnixSocket, SaysWhyItCannotListenOrConnect) {
    const auto story = [&]() -> task<> {
        const std::string nowhere = names.socket("no/such/folder");
        EXPECT_THROW(listener{endpoint::parse(nowhere)}, error);
        std::string got;
        std::string told;
        try {
            task<> visiting = visit(nowhere, got);
            co_await visiting;
        } catch (const error& why) {
            EXPECT_EQ(why.code(), std::errc::no_such_file_or_directory);
            told = why.what();
        }
        EXPECT_EQ(told, "could not connect to " + nowhere + ": No such file or directory");
    };
    play(story());
}

}  // namespace
}  // namespace aperto
