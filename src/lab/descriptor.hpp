// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aperto::lab {

/// Owns one file descriptor.
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
    void close() noexcept;

private:
    int number_ = -1;
};

/// One message between the lab and a host process, with the descriptors that travel along (SCM_RIGHTS,
/// unix(7)).
struct message {
    char type = 0;
    int code = 0;
    std::string text;
    std::vector<descriptor> descriptors;
};

/// Sends over a SOCK_SEQPACKET socket. The text may be at most 60,000 bytes, the descriptors at most 16.
/// Returns false when the other end is gone.
bool send_message(int socket, char type, int code, std::string_view text,
                  std::span<const int> descriptors = {});

/// Waits for one; false at the end of the stream or on a signal.
bool receive_message(int socket, message& out);

/// `result` unless it is -1; then throws std::system_error that begins with `what`.
int checked(int result, const char* what);

/// The whole file from its start, however far it was read before; empty when that fails. For /proc's small
/// files.
std::string read_all_at_start(int file);

}  // namespace aperto::lab
