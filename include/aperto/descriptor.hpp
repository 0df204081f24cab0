// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <utility>

namespace aperto {

/// Owns one file descriptor, which it closes. Moved, not copied; -1: none.
class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int number) noexcept : number_(number) {}
    descriptor(descriptor&& from) noexcept : number_(std::exchange(from.number_, -1)) {}
    descriptor& operator=(descriptor&& from) noexcept {
        if (this != &from) {
            close();
            number_ = std::exchange(from.number_, -1);
        }
        return *this;
    }
    ~descriptor() { close(); }

    int get() const noexcept { return number_; }
    explicit operator bool() const noexcept { return number_ >= 0; }
    int release() noexcept { return std::exchange(number_, -1); }
    void close() noexcept {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

private:
    int number_ = -1;
};

}  // namespace aperto
