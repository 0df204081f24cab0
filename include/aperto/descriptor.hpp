// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cxx20.hpp"

#include <unistd.h>

#include <string>
#include <utility>

namespace aperto {

/// Owns one file descriptor, which it closes. Moved, not copied; -1: none. What a loop waits on and what a stream sends
/// of a file stays its owner's.
class descriptor {
public:
    descriptor() = default;
    /// Takes it over.
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

    /// Its number, which stays this one's.
    int get() const noexcept { return number_; }
    /// Whether there is one.
    explicit operator bool() const noexcept { return number_ >= 0; }
    /// Its number, which the caller closes from now on.
    int release() noexcept { return std::exchange(number_, -1); }
    /// Closes it before its time; nothing where there is none.
    void close() noexcept {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

private:
    int number_ = -1;
};

/// What `open_beneath` does with symbolic links: none is ever followed out of the folder.
enum class links {
    refused,   ///< none leads anywhere
    followed,  ///< as far as they stay beneath the folder
};

/// Opens what `path` names beneath `folder`, a descriptor of a folder (O_PATH will do): nothing outside it is reached, by
/// "..", an absolute path or a link, whatever changes meanwhile, since the kernel resolves the path (openat2(2),
/// RESOLVE_BENEATH; Linux 5.6). For names that somebody else has sent. `flags` are open(2)'s, for what is there already;
/// O_CLOEXEC, O_NONBLOCK and O_NOCTTY are added, so that a fifo keeps nobody waiting. None, and errno, where it is not to
/// be had. Blocks as open(2) does. Any thread.
descriptor open_beneath(int folder, const std::string& path, int flags,
                        links symbolic = links::refused) noexcept;

}  // namespace aperto
