// SPDX-License-Identifier: MIT
#include "lab/view/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace aperto::lab {

void output::write(std::string_view text) {
    waiting_ += text;
    offer();
}

void output::offer() { hand_over(0); }

bool output::finish() {
    while (taken_ < waiting_.size()) {
        hand_over(-1);
    }
    return !failed_;
}

/// A pipe that is writable takes PIPE_BUF bytes without waiting (pipe(7)).
void output::hand_over(int wait_ms) {
    while (taken_ < waiting_.size()) {
        pollfd out{descriptor_, POLLOUT, 0};
        if (::poll(&out, 1, wait_ms) <= 0) {
            return;
        }
        const auto size = std::min<std::size_t>(waiting_.size() - taken_, PIPE_BUF);
        const auto written = ::write(descriptor_, waiting_.data() + taken_, size);
        if (written < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        failed_ = failed_ || written < 0;
        taken_ = failed_ ? waiting_.size() : taken_ + static_cast<std::size_t>(written);
    }
    waiting_.clear();
    taken_ = 0;
}

}  // namespace aperto::lab
