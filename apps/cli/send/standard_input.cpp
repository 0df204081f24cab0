// SPDX-License-Identifier: MIT
#include "cli/send/standard_input.hpp"

#include "aperto/aside.hpp"
#include "aperto/loop.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace aperto::cli {

/// Shared with the helper thread that waits, which may be the last to hold it.
struct standard_input::state {
    int stop_event = ::eventfd(0, EFD_CLOEXEC);
    ~state() { ::close(stop_event); }

    /// Blocks until there is input, or the stop event: then false.
    bool wait() const {
        pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {stop_event, POLLIN, 0}};
        while (::poll(both, 2, -1) < 0 && errno == EINTR) {
        }
        return both[1].revents == 0;
    }

    std::string read() const {
        std::string piece;
        if (!wait()) return piece;
        piece.resize(piece_max);
        ssize_t got = -1;
        do {
            got = ::read(STDIN_FILENO, piece.data(), piece.size());
        } while (got < 0 && (errno == EINTR || (errno == EAGAIN && wait())));
        if (got < 0) throw error::from_result(-errno, "read", "standard input");
        piece.resize(static_cast<std::size_t>(got));
        return piece;
    }
};

standard_input::standard_input() : state_(std::make_shared<state>()) {}

standard_input::~standard_input() {
    const std::uint64_t once = 1;
    // An eventfd that is full wakes as well as one that is written to.
    [[maybe_unused]] const ssize_t written = ::write(state_->stop_event, &once, sizeof once);
}

task<std::string> standard_input::read() {
    auto blocking = [shared = state_] { return shared->read(); };
    auto aside_read = aside(std::move(blocking));
    co_return co_await std::move(aside_read);
}

task<> standard_input::readable() {
    auto blocking = [shared = state_] { shared->wait(); };
    auto aside_wait = aside(std::move(blocking));
    co_await std::move(aside_wait);
}

bool standard_input::has_more() const {
    int bytes = 0;
    return ::ioctl(STDIN_FILENO, FIONREAD, &bytes) == 0 && bytes > 0;
}

}  // namespace aperto::cli
