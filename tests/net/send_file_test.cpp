// SPDX-License-Identifier: MIT
// Files sent by the kernel, to one who reads, one who does not, and one who has gone.
#include "aperto/group.hpp"
#include "aperto/sleep.hpp"
#include "aperto/stream.hpp"
#include "net/duet.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class SendFile : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, SendFile, testing::Values(engine::uring, engine::epoll), engine_name);

/// In memory, without a name.
class file_with {
public:
    explicit file_with(std::string_view content) : descriptor_(::memfd_create("content", MFD_CLOEXEC)) {
        EXPECT_EQ(::write(descriptor_, content.data(), content.size()), static_cast<ssize_t>(content.size()));
    }
    ~file_with() { ::close(descriptor_); }
    file_with(const file_with&) = delete;
    file_with& operator=(const file_with&) = delete;
    int descriptor() const noexcept { return descriptor_; }

private:
    int descriptor_;
};

std::string varied(std::size_t size) {
    std::string all(size, ' ');
    for (std::size_t i = 0; i < size; ++i)
        all[i] = static_cast<char>('a' + (i * i / 7 + i) % 26);
    return all;
}

task<> send(stream& to, int file, std::uint64_t offset, std::uint64_t size) {
    task<> sending = to.send_file(file, offset, size);
    co_await sending;
}

TEST_P(SendFile, GoesBetweenWhatIsWrittenBeforeAndAfter) {
    const auto story = []() -> task<> {
        const file_with content("0123456789");
        task<pair> meeting = meet();
        pair both = co_await meeting;
        co_await both.ours.write("<");
        task<> part = send(both.ours, content.descriptor(), 2, 5);
        co_await part;
        co_await both.ours.write(">");
        task<> nothing = send(both.ours, content.descriptor(), 7, 0);
        co_await nothing;
        EXPECT_EQ(both.ours.bytes_sent(), 7U);
        co_await both.ours.flush();
        EXPECT_EQ(both.peer.take(7), "<23456>");
    };
    play(story());
}

task<> read_slowly(stream& from, std::string& got, std::size_t size) {
    while (got.size() < size) {
        const auto some = co_await from.read_some();
        if (!some) co_return;
        got.append(*some);
        if (got.size() % 64 == 0) co_await sleep(1ms);
    }
}

TEST_P(SendFile, ALargeOneComesWholeAlsoToWhoReadsSlowly) {
    const auto story = []() -> task<> {
        const std::string all = varied(20'000'000);
        const file_with content(all);
        task<streams> meeting = meet_ours({.high_water = 1000});
        streams both = co_await meeting;
        std::string got;
        task_group group;
        group.spawn(send(both.left, content.descriptor(), 0, all.size()));
        group.spawn(read_slowly(both.right, got, all.size()));
        task<> joining = group.join();
        co_await joining;
        EXPECT_TRUE(got == all) << got.size();
        EXPECT_EQ(both.left.bytes_sent(), all.size());
    };
    play(story());
}

TEST_P(SendFile, WhoDoesNotReadIsGivenUpAtTheWriteDeadline) {
    const auto story = []() -> task<> {
        const std::string all = varied(20'000'000);
        const file_with content(all);
        task<pair> meeting = meet({.write_deadline = 100ms});
        pair both = co_await meeting;
        task<std::error_code> sending = failure_of(send(both.ours, content.descriptor(), 0, all.size()));
        EXPECT_EQ(co_await sending, errc::deadline);
    };
    play(story());
}

TEST_P(SendFile, AResetIsAnErrorAndNoSignal) {
    const auto story = []() -> task<> {
        const std::string all = varied(5'000'000);
        const file_with content(all);
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.reset();
        task<std::error_code> sending = failure_of(send(both.ours, content.descriptor(), 0, all.size()));
        const std::error_code failed = co_await sending;
        EXPECT_TRUE(failed == std::errc::connection_reset || failed == std::errc::broken_pipe)
            << failed.message();
        task<std::error_code> reading = failure_of(read_some(both.ours));
        EXPECT_TRUE(co_await reading) << "a broken connection is no end of the stream";
    };
    // As a program that has not asked for it to be ignored.
    const auto before = std::signal(SIGPIPE, SIG_DFL);
    play(story());
    std::signal(SIGPIPE, before);
}

TEST_P(SendFile, AnEndThatComesBetweenTwoOfItsPiecesIsAnErrorAndNoSignal) {
    const auto story = []() -> task<> {
        const std::string all = varied(5'000'000);
        const file_with content(all);
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.close();  // the first piece is answered by a reset, in the middle of the kernel's call
        task<std::error_code> sending = failure_of(send(both.ours, content.descriptor(), 0, all.size()));
        EXPECT_TRUE(co_await sending);
    };
    const auto before = std::signal(SIGPIPE, SIG_DFL);
    play(story());
    std::signal(SIGPIPE, before);
}

TEST_P(SendFile, AFileThatIsShorterAndOneThatIsNoneAreErrors) {
    const auto story = []() -> task<> {
        const file_with content("short");
        task<pair> meeting = meet();
        pair both = co_await meeting;
        task<std::error_code> shorter = failure_of(send(both.ours, content.descriptor(), 0, 6));
        EXPECT_EQ(co_await shorter, errc::cut_short);
        EXPECT_EQ(both.peer.take(5), "short");
        task<std::error_code> past = failure_of(send(both.ours, content.descriptor(), ~0ULL, 1));
        EXPECT_EQ(co_await past, errc::malformed);
        task<std::error_code> none = failure_of(send(both.ours, -1, 0, 1));
        EXPECT_EQ(co_await none, std::errc::bad_file_descriptor);
    };
    play(story());
}

TEST_P(SendFile, OneThatTheKernelCannotSendByItselfGoesByMemory) {
    const auto story = []() -> task<> {
        // Of procfs, whose files have no pages.
        const int file = ::open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
        task<pair> meeting = meet();
        pair both = co_await meeting;
        task<> sending = send(both.ours, file, 1, 3);
        co_await sending;
        EXPECT_EQ(both.peer.take(3), "est");
        ::close(file);
    };
    play(story());
}

}  // namespace
}  // namespace aperto
