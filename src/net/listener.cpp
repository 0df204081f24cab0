// SPDX-License-Identifier: MIT
#include "aperto/listener.hpp"

#include "io/bound_path.hpp"
#include "net/check_stream_options.hpp"

#include <utility>

namespace aperto {
namespace {

std::shared_ptr<const stream_options> checked(const stream_options& streams) {
    check_stream_options("", streams);
    return std::make_shared<const stream_options>(streams);
}

}  // namespace

listener::listener(const endpoint& where, const listen_options& options, const stream_options& streams)
    : listener(loop::current(), where, options, checked(streams)) {}

listener::listener(loop& on, const endpoint& where, const listen_options& options,
                   std::shared_ptr<const stream_options> streams)
    : listener(on, on.listen(where, options), std::move(streams)) {
    if (where.family() == AF_UNIX) path_ = std::make_unique<io::bound_path>(where);
}

listener::listener(loop& on, socket_id socket, std::shared_ptr<const stream_options> streams) noexcept
    : loop_(&on), socket_(socket), streams_(std::move(streams)) {}

listener listener::from_fd(int descriptor, const stream_options& streams) {
    return from_fd(loop::current(), descriptor, checked(streams));
}

listener listener::from_fd(loop& on, int descriptor, std::shared_ptr<const stream_options> streams) {
    return {on, on.adopt(descriptor, true), std::move(streams)};
}

listener::listener(listener&& other) noexcept
    : loop_(other.loop_),
      socket_(std::exchange(other.socket_, {})),
      streams_(std::move(other.streams_)),
      path_(std::move(other.path_)) {}

listener& listener::operator=(listener&& other) noexcept {
    if (this != &other) {
        close();
        loop_ = other.loop_;
        socket_ = std::exchange(other.socket_, {});
        streams_ = std::move(other.streams_);
        path_ = std::move(other.path_);
    }
    return *this;
}

listener::~listener() { close(); }

socket_id listener::accept_awaiter::take_socket() {
    if (result == -ECANCELED && is_cancelled()) throw cancellation();
    if (result < 0) throw error::from_result(result, "accept a client on", from_.local().to_string());
    return std::exchange(accepted, {});
}

stream listener::accept_awaiter::await_resume() {
    return stream::adopt(from_.owner(), take_socket(), from_.streams_, peer);
}

endpoint listener::local() const { return socket_ ? loop_->local(socket_) : endpoint(); }

void listener::close() noexcept {
    path_.reset();
    if (socket_) loop_->close(std::exchange(socket_, {}));
}

}  // namespace aperto
