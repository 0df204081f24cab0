// SPDX-License-Identifier: MIT
#include "aperto/stream.hpp"

#include "aperto/descriptor.hpp"
#include "aperto/tls_error.hpp"
#include "net/check_stream_options.hpp"
#include "net/connection.hpp"
#include "net/frame_edges.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <new>

namespace aperto {
namespace detail {
namespace {

/// Writes up to this size are copied, so that they can be sent together; larger ones are sent from where they
/// are.
constexpr std::size_t copy_max = 32 * 1024;

[[noreturn]] void raise(const std::error_code& failed, std::string_view tried, const connection& with) {
    if (failed == errc::misuse)
        throw error(
            failed, tried, with.whom(),
            "One read and one write of a stream may wait, and the stream stays for as long as they do.");
    throw error(failed, tried, with.whom(), with.advice());
}

/// Waits until what the connection stands on is open.
class handshake_awaiter : public read_awaiter {
public:
    explicit handshake_awaiter(connection& of)
        : read_awaiter(of, want::handshake, of.handshake_until()), of_(of) {}
    void await_resume() {
        std::error_code failed = outcome();
        if (failed == errc::cancelled && is_cancelled()) throw cancellation();
        if (!failed && !of_.is_open_for_writing()) failed = errc::cut_short;
        if (!failed) return;
        if (failed == errc::cut_short)
            throw error(failed, "agree on TLS with", of_.whom(), "It closed in the middle of the handshake.");
        raise(failed, "agree on TLS with", of_);
    }

private:
    connection& of_;
};

}  // namespace

// ---- read_awaiter

// An awaiter holds its connection: the stream may go while it waits.

read_awaiter::read_awaiter(connection& from, want what, details more, bool has_until) noexcept
    : operation_awaiter(from.on()),
      deadline(&read_awaiter::on_deadline),
      from_(from),
      details_(more),
      want_(what),
      has_until_(has_until) {
    from.hold();
    on_complete = &read_awaiter::on_bytes;
}

read_awaiter::~read_awaiter() {
    if (in_flight()) owner().abandon(*this);
    if (from_.reader == this) from_.reader = nullptr;
    from_.release();
}

bool read_awaiter::is_misused() noexcept {
    if (from_.reader) misused_ = true;
    return misused_;
}

void read_awaiter::end_misused() noexcept {
    misused_ = true;
    owner().cancel(*this);
}

bool read_awaiter::await_ready() {
    if (is_misused()) return true;
    over_share_ = from_.is_over_share();
    return !over_share_ && try_take();
}

bool read_awaiter::begin() {
    if (!over_share_) return receive();
    from_.step_aside(*this);
    return false;
}

bool read_awaiter::try_take() noexcept {
    if (!from_.is_open()) return true;
    if (want_ == want::frame) return from_.take(want_, 0, found_, details_.finder);
    return from_.take(want_, has_until_ ? 0 : details_.count, found_);
}

/// Receives until what is wanted is there; false when it has to wait for it.
bool read_awaiter::receive() {
    do {
        if (!from_.receive(*this)) {
            const time_point until = has_until_ ? details_.until : from_.read_deadline(want_);
            if (until != time_point::max()) set(owner(), until);
            return false;
        }
    } while (!try_take());
    return true;
}

void read_awaiter::on_bytes(operation& done) {
    auto& self = static_cast<read_awaiter&>(done);
    self.from_.reader = nullptr;
    self.from_.take_in(self);
    if (!self.misused_ && !self.try_take()) {
        if (self.scope && self.scope->cancelled())
            self.from_.end_reading(-ECANCELED);
        else if (!self.receive()) {
            if (self.scope) self.scope->enter(self);
            return;
        }
    }
    self.owner().disarm(self);
    self.waiter.resume();
}

void read_awaiter::on_deadline(timer& passed) {
    auto& self = static_cast<read_awaiter&>(passed);
    if (self.put_off(self.owner())) return;
    if (const duration left = self.from_.idle_left(); !self.has_until_ && left > duration::zero())
        return self.set(self.owner(), self.owner().now() + left);
    self.from_.time_out_reading(self.want_);
    self.owner().cancel(self);
}

std::error_code read_awaiter::outcome() noexcept {
    if (misused_) return errc::misuse;
    if (!from_.is_open()) return errc::closed;
    if (!found_ && result == -ECANCELED) from_.end_reading(result);
    return found_ ? std::error_code() : from_.take_read_failure();
}

std::optional<std::string_view> read_awaiter::await_resume() {
    if (const std::error_code failed = outcome()) {
        if (failed == errc::cancelled && is_cancelled()) throw cancellation();
        raise(failed, "receive from", from_);
    }
    return found_;
}

// ---- write_awaiter

write_awaiter::write_awaiter(connection& to, std::string_view data, until when) noexcept
    : operation_awaiter(to.on(), kind::event),
      to_(to),
      one_(data),
      size_(data.size()),
      until_(when),
      is_one_(true) {
    to.hold();
}

write_awaiter::write_awaiter(connection& to, std::span<const std::string_view> parts) noexcept
    : operation_awaiter(to.on(), kind::event),
      to_(to),
      several_(parts),
      size_(0),
      until_(until::accepted),
      is_one_(false) {
    for (const std::string_view each : parts)
        size_ += each.size();
    to.hold();
}

write_awaiter::write_awaiter(write_awaiter&& unused) noexcept
    : write_awaiter(unused.to_, unused.is_one_ ? unused.one_ : std::string_view(), unused.until_) {
    is_one_ = unused.is_one_;
    if (!is_one_) several_ = unused.several_;
    size_ = unused.size_;
}

write_awaiter::~write_awaiter() {
    if (in_flight()) owner().abandon(*this);
    if (to_.writer == this) {
        to_.writer = nullptr;
        to_.drop_direct();
    }
    to_.release();
}

void write_awaiter::end_misused() noexcept {
    misused_ = true;
    owner().notify(*this, -ECANCELED);
}

bool write_awaiter::satisfied() const noexcept {
    if (to_.write_failure()) return true;
    if (until_ != until::accepted) return to_.pending() == 0;
    return size_ > copy_max ? !to_.has_direct() : to_.has_room(size_);
}

bool write_awaiter::await_ready() {
    if (to_.writer) return misused_ = true;
    if (!to_.is_open() || to_.write_failure()) return true;
    if (until_ == until::shut_down) to_.announce_end();
    if (until_ != until::accepted) return to_.pending() == 0;
    if (size_ > copy_max || !to_.has_room(size_)) return size_ == 0;
    return true;
}

bool write_awaiter::begin() {
    if (size_ > copy_max) to_.set_direct(parts(), size_);
    to_.pump();
    if (satisfied()) return true;
    to_.writer = this;
    owner().expect(*this);
    return false;
}

std::error_code write_awaiter::outcome() {
    if (to_.writer == this) to_.writer = nullptr;
    if (misused_) {
        if (result == -ECANCELED) to_.drop_direct();
        return errc::misuse;
    }
    if (!to_.is_open() || to_.write_is_shut()) return errc::closed;
    if (result == -ECANCELED) {
        to_.drop_direct();
        return errc::cancelled;
    }
    if (to_.write_failure()) return to_.write_failure();
    if (until_ == until::accepted && size_ <= copy_max && size_ > 0) to_.append(parts());
    return until_ == until::shut_down ? to_.shut_write() : std::error_code();
}

void write_awaiter::await_resume() {
    if (const std::error_code failed = outcome()) {
        if (failed == errc::cancelled && is_cancelled()) throw cancellation();
        raise(failed, "send to", to_);
    }
}

}  // namespace detail

// ---- stream

stream& stream::operator=(stream&& other) noexcept {
    if (this != &other) {
        if (connection_) connection_->let_go();
        connection_ = std::exchange(other.connection_, nullptr);
    }
    return *this;
}

stream::~stream() {
    if (connection_) connection_->let_go();
}

stream stream::from_fd(int descriptor, const stream_options& options) {
    check_stream_options("", options);
    loop& on = loop::current();
    const auto shared = std::make_shared<const stream_options>(options);
    return adopt(on, on.adopt(descriptor, false), shared);
}

std::pair<stream, stream> stream::pair(const stream_options& options) {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0)
        throw error::from_result(-errno, "make a pair of streams");
    descriptor first(ends[0]);
    descriptor second(ends[1]);
    check_stream_options("", options);
    loop& on = loop::current();
    const auto shared = std::make_shared<const stream_options>(options);
    const auto open = [&](descriptor& end) {
        const socket_id socket = on.adopt(end.get(), false);
        static_cast<void>(end.release());
        return adopt(on, socket, shared);
    };
    stream one = open(first);
    stream other = open(second);
    return {std::move(one), std::move(other)};
}

stream stream::adopt(loop& on, socket_id socket, std::shared_ptr<const stream_options> options,
                     const endpoint& remote, std::string_view name) {
    connection* made = nullptr;
    try {
        made = new connection(on, socket, remote ? remote : on.remote(socket), std::move(options), name);
    } catch (...) {
        on.close(socket, true);
        throw;
    }
    stream opened(made);
    if (made->is_secured()) made->begin_transport();
    return opened;
}

task<> stream::handshake() {
    const connection::reference held(*connection_);  // the stream may go meanwhile
    detail::handshake_awaiter open(*connection_);
    co_await open;
}

task<> stream::start_tls(std::shared_ptr<const aperto::transport> with, std::string name) {
    const connection::reference held(*connection_);  // the stream may go meanwhile
    connection& on = *connection_;
    if (on.is_waited_on() || on.is_secured()) detail::raise(errc::misuse, "begin TLS with", on);
    detail::write_awaiter before(on, {}, detail::write_awaiter::until::sent);
    co_await before;
    if (on.is_waited_on() || on.is_secured()) detail::raise(errc::misuse, "begin TLS with", on);
    if (on.in_message())
        throw error(tls::errc::plaintext_behind, "begin TLS with", on.whom(),
                    "It sent more behind its request, which anybody on the way may have added.");
    if (!on.is_open()) detail::raise(errc::closed, "begin TLS with", on);
    on.secure(with->open(name));
    on.begin_transport();
    detail::handshake_awaiter open(on);
    co_await open;
}

std::optional<transport_facts> stream::transport() const { return connection_->transport(); }

task<> stream::write_message(std::string_view message) {
    const frame_edges edges(connection_->written_framing(), message.size());
    const std::array<std::string_view, 3> parts{edges.before(), message, edges.after()};
    detail::write_awaiter written = write(parts);
    co_await written;
}

task<> stream::write_kept(std::string message) {
    task<> writing = write_message(std::string_view(message));
    co_await writing;
}

void stream::consume(std::size_t count) {
    if (!connection_->consume(count)) detail::raise(errc::misuse, "consume what has come from", *connection_);
}

std::size_t stream::unread() const noexcept { return connection_->unread_size(); }
bool stream::at_rest() const noexcept { return connection_ && connection_->is_at_rest(); }

cork::cork(stream& on) noexcept : on_(*on.connection_) {
    on_.hold();
    on_.cork();
}

cork::~cork() {
    on_.uncork();
    on_.release();
}

bool stream::try_write(std::string_view data) {
    connection& to = *connection_;
    if (to.writer || !to.is_open() || to.write_is_shut() || to.write_failure() || !to.make_room(data.size()))
        return false;
    if (!data.empty()) to.append({&data, 1});
    return true;
}

std::size_t stream::unsent() const noexcept { return connection_->pending(); }

task<> stream::close() {
    const connection::reference ending(*connection_);  // the stream may go meanwhile
    if (connection_->is_waited_on()) detail::raise(errc::misuse, "close the stream with", *connection_);
    task<> closing = connection_->close_orderly();
    co_await closing;
}

void stream::abort() noexcept {
    if (connection_) connection_->close_now(true);
}

endpoint stream::local() const { return connection_->on().local(connection_->socket()); }
endpoint stream::remote() const { return connection_->remote(); }

tcp_facts stream::facts() const { return connection_->facts(); }
const proxy_facts* stream::proxied() const noexcept { return connection_->proxied.get(); }

bool stream::stopping() const noexcept { return connection_->is_draining(); }
std::uint64_t stream::bytes_received() const noexcept { return connection_->received(); }
std::uint64_t stream::bytes_sent() const noexcept { return connection_->sent(); }
const stream_options& stream::options() const noexcept { return connection_->options(); }
int stream::native_handle() const noexcept { return connection_->on().native_handle(connection_->socket()); }
loop& stream::owner() const noexcept { return connection_->on(); }

}  // namespace aperto
