// SPDX-License-Identifier: MIT
#include "cli/send/reply_output.hpp"

#include "aperto/aside.hpp"
#include "aperto/loop.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace aperto::cli {

reply_output::reply_output(framing in) : framing_(in), is_terminal_(::isatty(STDOUT_FILENO) == 1) {
    struct stat about{};
    is_pipe_ = ::fstat(STDOUT_FILENO, &about) == 0 && (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode));
}

task<> reply_output::write(std::string_view piece) {
    std::string bytes;
    if (is_terminal_)
        filter_.feed(piece, bytes);
    else
        bytes = piece;
    if (framing_ == framing::length) {
        // Messages of this framing bear no end of their own that a reader of lines could see.
        if (is_terminal_) filter_.finish(bytes);
        if (!bytes.ends_with('\n')) bytes += '\n';
    }
    if (!is_pipe_) {
        write_out(bytes);
        co_return;
    }
    auto blocking = [bytes = std::move(bytes)] { write_out(bytes); };
    auto aside_write = aside(std::move(blocking));
    co_await std::move(aside_write);
}

void reply_output::finish() {
    if (!is_terminal_) return;
    std::string rest;
    filter_.finish(rest);
    write_out(rest);
}

void write_out(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (written >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            pollfd room{STDOUT_FILENO, POLLOUT, 0};
            ::poll(&room, 1, -1);
        } else if (errno != EINTR) {
            throw error::from_result(-errno, "write to", "standard output");
        }
    }
}

}  // namespace aperto::cli
