// SPDX-License-Identifier: MIT
#include "aperto/stream.hpp"
#include "net/connection.hpp"

#include <pthread.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <limits>
#include <string>

namespace aperto {
namespace {

/// As much as the kernel is given at once; then others have their turn.
constexpr std::uint64_t share = 512 * 1024;
/// What goes by way of memory where the kernel has no room, or cannot send this kind of file by itself.
constexpr std::uint64_t piece_max = 16 * 1024;
/// What is sealed goes so all the way.
constexpr std::uint64_t sealed_piece_max = 96 * 1024;

/// Keeps a SIGPIPE of this thread's own from the program, for as long as it lives: sendfile(2) has no
/// MSG_NOSIGNAL. One that was pending before stays.
class without_sigpipe {
public:
    without_sigpipe() noexcept {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        sigset_t pending;
        ::sigpending(&pending);
        was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
        if (!was_pending_) ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    without_sigpipe(const without_sigpipe&) = delete;
    without_sigpipe& operator=(const without_sigpipe&) = delete;
    ~without_sigpipe() {
        if (was_pending_) return;
        constexpr timespec at_once{};
        if (may_have_come_) ::sigtimedwait(&pipe_, nullptr, &at_once);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    /// It comes with a part that was sent as well: by the piece behind that.
    void note(ssize_t result, std::uint64_t wanted) noexcept {
        may_have_come_ = result == -EPIPE || (result >= 0 && static_cast<std::uint64_t>(result) < wanted);
    }

private:
    sigset_t pipe_{};
    sigset_t before_{};
    bool was_pending_ = false;
    bool may_have_come_ = true;
};

ssize_t send_some(int socket, int file, std::uint64_t offset, std::uint64_t size) noexcept {
    if (socket < 0) return -ENOSYS;
    without_sigpipe quiet;
    auto from = static_cast<off_t>(offset);
    const std::uint64_t wanted = std::min(size, share);
    const ssize_t sent = ::sendfile(socket, file, &from, wanted);
    const ssize_t result = sent < 0 ? -errno : sent;
    quiet.note(result, wanted);
    return result;
}

/// Else it is full, or something is the matter with the file: of a kind that goes by memory alone, or one that
/// cannot be read, as reading it will tell.
bool concerns_connection(ssize_t result) noexcept {
    switch (-result) {
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

void read_piece(int file, std::uint64_t offset, std::uint64_t size, std::string& piece) {
    piece.resize(size);
    const ssize_t got = ::pread(file, piece.data(), piece.size(), static_cast<off_t>(offset));
    if (got < 0) throw error::from_result(-errno, "read", "the file to send");
    piece.resize(static_cast<std::size_t>(got));
}

}  // namespace

bool connection::send_file(int file, std::uint64_t& offset, std::uint64_t& size) noexcept {
    if (secured_) return false;
    const ssize_t result = send_some(loop_->native_handle(socket_), file, offset, size);
    if (concerns_connection(result)) {
        fail_writing(error::code_of(static_cast<int>(result)));
        return true;
    }
    if (result <= 0) return false;
    const auto taken = static_cast<std::uint64_t>(result);
    sent_ += taken;
    progressed_ = short_time(loop_->now());
    offset += taken;
    size -= taken;
    return true;
}

task<> stream::send_file(int file, std::uint64_t offset, std::uint64_t size) {
    constexpr std::uint64_t last = std::numeric_limits<off_t>::max();
    if (offset > last || size > last - offset)
        throw error(errc::malformed, "send a part of a file", {}, "It ends past what a file can have.");
    const connection::reference held(*connection_);  // the stream may go meanwhile
    connection& to = *connection_;
    loop& on = to.on();
    const std::uint64_t piece_most = to.is_secured() ? sealed_piece_max : piece_max;
    std::string piece;
    for (;;) {
        // What was written goes before, and what has failed is thrown.
        if (!to.is_secured() || size == 0) {
            detail::write_awaiter before(to, {}, detail::write_awaiter::until::sent);
            co_await before;
        }
        if (size == 0) co_return;
        if (to.send_file(file, offset, size)) {
            detail::yield_awaiter others(on);
            co_await others;
            continue;
        }
        read_piece(file, offset, std::min(size, piece_most), piece);
        if (piece.empty())
            throw error(errc::cut_short, "send a file", {},
                        "It has become shorter than what was to be sent.");
        detail::write_awaiter written(to, piece, detail::write_awaiter::until::accepted);
        co_await written;
        offset += piece.size();
        size -= piece.size();
    }
}

}  // namespace aperto
