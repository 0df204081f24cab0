// SPDX-License-Identifier: MIT
#include "cli/serve/log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <future>
#include <string>
#include <thread>

namespace aperto::cli {
namespace {

using namespace std::chrono_literals;

struct pipe_pair {
    int read_end = -1;
    int write_end = -1;
    pipe_pair() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        read_end = ends[0];
        write_end = ends[1];
    }
    ~pipe_pair() {
        close_read();
        ::close(write_end);
    }
    void close_read() {
        if (read_end >= 0) ::close(read_end);
        read_end = -1;
    }
    /// Blocks until as many lines have come.
    std::string read_lines(long count) const {
        std::string all;
        while (std::count(all.begin(), all.end(), '\n') < count) {
            std::array<char, 4096> some{};
            const ssize_t got = ::read(read_end, some.data(), some.size());
            if (got <= 0) break;
            all.append(some.data(), static_cast<std::size_t>(got));
        }
        return all;
    }
};

bool has_room(int write_end) {
    pollfd room{write_end, POLLOUT, 0};
    return ::poll(&room, 1, 0) == 1;
}

TEST(log_writer, a_line_comes_out_without_waiting_for_company) {
    const pipe_pair pipe;
    log_writer log({.descriptor = pipe.write_end});
    EXPECT_TRUE(log.write("listening\n"));
    EXPECT_EQ(pipe.read_lines(1), "listening\n");
}

TEST(log_writer, lines_of_one_thread_keep_their_order) {
    const pipe_pair pipe;
    log_writer log({.descriptor = pipe.write_end});
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
        const std::string line = "line " + std::to_string(i) + "\n";
        expected += line;
        EXPECT_TRUE(log.write(line));
    }
    EXPECT_EQ(pipe.read_lines(1000), expected);
}

TEST(log_writer, a_blocked_reader_costs_lines_and_never_time) {
    const pipe_pair pipe;
    log_writer log({.descriptor = pipe.write_end, .queue_max = 100'000});
    const std::string line(999, 'x');
    const auto begun = clock::now();
    std::uint64_t refused = 0;
    for (int i = 0; i < 1000; ++i)
        if (!log.write(line + "\n")) ++refused;
    EXPECT_LT(clock::now() - begun, 1s) << "a million bytes into a pipe that nobody reads";
    EXPECT_GE(refused, 700u) << "the queue holds 100 lines, the pipe 65, a batch on its way 100 more";
    EXPECT_EQ(log.dropped(), refused);
    log.close(100ms);
    EXPECT_GT(log.dropped(), refused) << "what the reader left in the queue counts too";
}

TEST(log_writer, lines_that_were_lost_are_told_of_where_they_are_missing) {
    const pipe_pair pipe;
    log_writer log(
        {.descriptor = pipe.write_end, .queue_max = 100'000, .dropped_line = [](std::uint64_t lines) {
             return "lost " + std::to_string(lines) + "\n";
         }});
    const std::string line(999, 'x');
    long taken = 0;
    for (int i = 0; i < 1000; ++i)
        if (log.write(line + "\n")) ++taken;
    const std::string all = pipe.read_lines(taken + 1);
    EXPECT_NE(all.find("lost " + std::to_string(1000 - taken) + "\n"), std::string::npos);
}

TEST(log_writer, a_reader_that_left_is_counted_and_ends_nobody) {
    ASSERT_NE(std::signal(SIGPIPE, SIG_IGN), SIG_ERR);
    pipe_pair pipe;
    pipe.close_read();
    log_writer log({.descriptor = pipe.write_end});
    log.write("one\ntwo\n");
    log.close();
    EXPECT_EQ(log.dropped(), 2u);
    EXPECT_EQ(log.last_error(), EPIPE);
}

TEST(log_writer, a_full_disk_is_counted) {
    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    ASSERT_GE(full, 0);
    log_writer log({.descriptor = full});
    log.write("one\n");
    log.close();
    EXPECT_EQ(log.dropped(), 1u);
    EXPECT_EQ(log.last_error(), ENOSPC);
    ::close(full);
}

/// A file that may not grow past so many bytes, for as long as this lives.
class small_file {
public:
    explicit small_file(rlim_t size_max) {
        EXPECT_NE(std::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
        ::getrlimit(RLIMIT_FSIZE, &before_);
        allow(size_max);
    }
    small_file(const small_file&) = delete;
    small_file& operator=(const small_file&) = delete;
    ~small_file() {
        allow(before_.rlim_cur);
        std::fclose(file_);
    }
    void allow(rlim_t size_max) const {
        const rlimit next{.rlim_cur = size_max, .rlim_max = before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &next), 0);
    }
    int descriptor() const { return ::fileno(file_); }
    std::string text() const {
        std::string all(10'000, '\0');
        const ssize_t size = ::pread(descriptor(), all.data(), all.size(), 0);
        all.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        return all;
    }

private:
    std::FILE* const file_ = std::tmpfile();
    rlimit before_{};
};

void wait_for_dropped(const log_writer& log, std::uint64_t lines) {
    while (log.dropped() < lines)
        std::this_thread::yield();
}

TEST(log_writer, half_a_line_does_not_stay_in_a_file_that_had_no_room_for_it) {
    for (const int flags : {0, O_APPEND}) {
        small_file file(18);
        ::fcntl(file.descriptor(), F_SETFL, flags);
        log_writer log({.descriptor = file.descriptor(), .dropped_line = [](std::uint64_t lines) {
                            return "lost " + std::to_string(lines) + "\n";
                        }});
        log.write("a whole line\n");
        log.write("one that does not fit\n");
        wait_for_dropped(log, 1);
        file.allow(1000);
        log.write("and a last one\n");
        log.close();
        // Of what is missing it is told as soon as there is room, be that before the last line or after it.
        EXPECT_THAT(file.text(), testing::AnyOf("a whole line\nand a last one\nlost 1\n",
                                                "a whole line\nlost 1\nand a last one\n"));
        EXPECT_EQ(log.last_error(), EFBIG);
    }
}

TEST(log_writer, what_others_wrote_to_the_file_is_not_taken_back) {
    small_file file(1000);
    ASSERT_EQ(::pwrite(file.descriptor(), "!", 1, 40), 1) << "a byte of somebody else's";
    file.allow(25);
    log_writer log({.descriptor = file.descriptor()});
    log.write("a whole line\n");
    log.write("one that does not fit\n");
    wait_for_dropped(log, 1);
    file.allow(1000);
    log.write("next\n");
    log.close();
    EXPECT_EQ(file.text(), "a whole line\none that doe\nnext\n" + std::string(9, '\0') + "!");
}

TEST(log_writer, every_line_has_come_or_is_counted_when_it_is_closed) {
    const pipe_pair pipe;
    log_writer log({.descriptor = pipe.write_end, .queue_max = 100'000});
    const std::string line(999, 'x');
    constexpr std::uint64_t lines = 903;
    for (std::uint64_t i = 0; i < lines; ++i) {
        log.write(line + "\n");
        // Once, until the pipe is full: then a batch is in the writer's hand, and the next lines are queued. How
        // many bytes that takes depends on how the lines came together: each write begins a page of its own
        // where it does not fit into the last (pipe(7)), so a pipe may be full with 40,000.
        while (i == 90 && has_room(pipe.write_end))
            std::this_thread::yield();
    }
    log.close(50ms);
    std::string come(1'000'000, '\0');
    ASSERT_EQ(::fcntl(pipe.read_end, F_SETFL, O_NONBLOCK), 0);
    const ssize_t size = ::read(pipe.read_end, come.data(), come.size());
    ASSERT_GT(size, 0);
    EXPECT_EQ(size % 1000, 0) << "no line is there in part";
    EXPECT_EQ(static_cast<std::uint64_t>(size / 1000) + log.dropped(), lines);
}

TEST(log_writer, close_writes_what_is_left) {
    const pipe_pair pipe;
    log_writer log({.descriptor = pipe.write_end});
    log.write("last words\n");
    log.close();
    EXPECT_EQ(pipe.read_lines(1), "last words\n");
    EXPECT_EQ(log.dropped(), 0u);
    EXPECT_FALSE(log.write("too late\n"));
}

TEST(log_writer, a_tick_comes_once_for_many_that_ask) {
    const pipe_pair pipe;
    std::promise<void> ticked;
    int ticks = 0;
    log_writer log({.descriptor = pipe.write_end, .tick = [&] {
                        if (++ticks == 1) ticked.set_value();
                    }});
    const auto asked = clock::now();
    log.tick_later();
    log.tick_later();
    ticked.get_future().wait();
    EXPECT_GE(clock::now() - asked, 900ms);
    log.close();
    EXPECT_EQ(ticks, 1);
}

TEST(log_writer, a_tick_that_is_due_comes_before_the_end) {
    const pipe_pair pipe;
    log_writer* log_of_tick = nullptr;
    log_writer log({.descriptor = pipe.write_end, .tick = [&] { log_of_tick->write("summary\n"); }});
    log_of_tick = &log;
    log.tick_later();
    log.close();
    EXPECT_EQ(pipe.read_lines(1), "summary\n");
}

}  // namespace
}  // namespace aperto::cli
