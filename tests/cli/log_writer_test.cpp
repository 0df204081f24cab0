// SPDX-License-Identifier: MIT
#include "cli/log_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <future>
#include <string>

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
