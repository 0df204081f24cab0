// SPDX-License-Identifier: MIT
#include "lab/hosts/program_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace aperto::lab {

program_output::program_output() {
    std::array<int, 2> ends{};
    checked(::pipe2(ends.data(), O_CLOEXEC), "make a pipe");
    read_end_ = descriptor(ends[0]);
    write_end_ = descriptor(ends[1]);
    // Our end alone: a program may not know what to do with EAGAIN on its standard output.
    ::fcntl(read_end_.get(), F_SETFL, O_NONBLOCK);
}

bool program_output::read(const line_taker& take) {
    constexpr std::size_t line_max = 8192;
    constexpr int reads_max = 4;  // four pipes full
    std::array<char, 65'536> part{};
    ssize_t size = 0;
    int reads = 0;
    while (read_end_ && reads < reads_max && (size = ::read(read_end_.get(), part.data(), part.size())) > 0) {
        ++reads;
        rest_.append(part.data(), static_cast<std::size_t>(size));
        std::size_t begin = 0;
        for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
            take(rest_.substr(begin, end - begin));
            begin = end + 1;
        }
        rest_.erase(0, begin);
        if (rest_.size() > line_max) {
            take(rest_);
            rest_.clear();
        }
    }
    if (size == 0 && reads < reads_max) {
        read_end_.close();  // poll(2) ignores a negative descriptor: nothing more comes
    }
    return reads > 0;
}

void program_output::finish(const line_taker& take) {
    if (!rest_.empty()) {
        take(rest_);
        rest_.clear();
    }
}

}  // namespace aperto::lab
