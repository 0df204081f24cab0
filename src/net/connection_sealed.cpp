// SPDX-License-Identifier: MIT
// What a connection does besides where its options name a transport: unseals what arrives, seals what is sent.
#include "aperto/error.hpp"
#include "net/connection.hpp"
#include "net/shrink.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <new>
#include <utility>

namespace aperto {
namespace {

/// Sealed ahead of what the kernel takes: three records of TLS, in a buffer that an outbox still keeps.
constexpr std::size_t seal_max = 48 * 1024;
constexpr std::size_t seal_room = seal_max + 1024;

handshake_share& handshakes() noexcept {
    static thread_local handshake_share mine;
    return mine;
}

/// What a session answers to what arrives, mostly nothing.
std::string& scratch() noexcept {
    static thread_local std::string mine;
    mine.clear();
    return mine;
}

}  // namespace

bool handshake_share::is_left(const backend& on) noexcept {
    if (std::exchange(owner_, &on) != &on || std::exchange(turn_, on.turn()) != on.turn()) taken_ = 0;
    return taken_ < handshakes_a_turn;
}

// ---- as a whole

void connection::secure(std::unique_ptr<transport_session> session) {
    assert(!secured_ && !reader && !writer && unread().empty() && pending() == 0);
    drop_received();
    secured_ = std::make_unique<secured>(std::move(session));
}

void connection::begin_transport() {
    std::string& wire = scratch();
    if (const std::error_code failed = secured_->session->begin(wire)) {
        secured_->has_failed = true;
        read_failure_ = failed;
    }
    send_wire(wire);
    recount();
}

std::optional<transport_facts> connection::transport() const {
    if (!secured_ || !secured_->session->is_open()) return {};
    return secured_->session->facts();
}

time_point connection::handshake_until() noexcept {
    const duration limit = std::min(options_->handshake_deadline, options_->idle_timeout);
    return detail::time_after(loop_->read_now_coarsely(), limit);
}

// ---- reading

void connection::absorb_sealed(lent_bytes bytes, std::size_t skip) noexcept {
    const std::string_view arrived(bytes.data + skip, bytes.size - skip);
    secured_->has_arrived = true;
    if (secured_->session->is_open() || handshakes().is_left(*loop_)) {
        unseal(arrived);
    } else {
        try {
            secured_->backlog.append(arrived);
        } catch (const std::bad_alloc&) {
            end_reading(-ENOMEM);
        }
    }
    loop_->give_back(bytes);
}

bool connection::receive_backlog(receive_operation& into) noexcept {
    if (handshakes().is_left(*loop_)) {
        const std::string arrived = std::exchange(secured_->backlog, {});
        unseal(arrived);
        return true;
    }
    step_aside(into);
    return false;
}

void connection::unseal(std::string_view arrived) noexcept {
    secured& by = *secured_;
    if (by.has_failed || ended_) {
        received_ += arrived.size();  // read away, within the bounds of the close
        return;
    }
    if (unread().empty()) drop_received();
    assert((kept_ || !lent_) && "settle comes before waiting");
    const bool was_open = by.session->is_open();
    const bool had_begun = in_message();
    try {
        if (!kept_) begin_keeping();
        const std::size_t before = kept_->size();
        std::string& wire = scratch();
        const std::error_code failed = by.session->unseal(arrived, *kept_, wire);
        if (!was_open && !wire.empty()) handshakes().take();
        take_unsealed(before, had_begun, failed);
        send_wire(wire);
    } catch (const std::bad_alloc&) {
        by.has_failed = true;
        end_reading(-ENOMEM);
    }
    recount();
    if (!was_open && by.session->is_open()) pump();  // what was written meanwhile
}

void connection::take_unsealed(std::size_t before, bool had_begun, const std::error_code& failed) noexcept {
    received_ += kept_->size() - before;
    // The time of a message runs from the first byte of its first record, and none from one that held nothing.
    if (received_ > 0 && (!had_begun || !in_message())) message_began_ = not_waited_for;
    if (kept_->empty()) drop_received();
    if (failed) {
        secured_->has_failed = true;
        if (!read_failure_) read_failure_ = failed;
    } else if (secured_->session->has_ended()) {
        ended_ = true;
    }
}

/// Sends what the session has to say, behind what is sealed already.
void connection::send_wire(std::string& wire) {
    if (wire.empty() || write_failure_ || write_shut_) return;
    if (outbox_ && (outbox_->in_flight() || outbox_->offered() > 0)) {
        secured_->wire += wire;
        return;
    }
    static_cast<void>(reply_buffer());
    outbox_->sealed() += wire;
    pump();
}

/// At the end of the kernel's stream: without the transport's own it may be anybody's. Who has sent nothing at
/// all may go as he came.
bool connection::is_cut_short() const noexcept {
    return secured_ && secured_->has_arrived && !secured_->session->has_ended();
}

// ---- writing

void connection::announce_end_sealed() noexcept {
    if (secured_->end != secured::ending::open || !secured_->session->is_open()) return;
    secured_->end = secured::ending::wanted;
    if (pending() > 0) return;  // it follows what is to be sealed
    try {
        static_cast<void>(reply_buffer());
        std::string& wire = outbox_->sealed();
        secured_->session->finish(wire);
        secured_->end = secured::ending::announced;
        if (wire.empty()) put_outbox_away();
    } catch (const std::bad_alloc&) {
        fail_sealing(std::make_error_code(std::errc::not_enough_memory));
    }
}

std::error_code connection::seal_into(std::string& wire) {
    if (secured_->has_failed && wire.empty()) return read_failure_ ? read_failure_.code() : tls::errc::failed;
    if (secured_->has_failed || !secured_->session->is_open()) return {};
    std::error_code failed;
    for (std::string_view piece = outbox_->unsealed(); !piece.empty() && !failed && wire.size() < seal_max;
         piece = outbox_->unsealed()) {
        if (piece.size() > wire.capacity() - wire.size()) wire.reserve(seal_room);
        piece = piece.substr(0, seal_max - wire.size());
        failed = secured_->session->seal(piece, wire);
        secured_->sealed += piece.size();
        outbox_->unsealed_taken(piece.size());
    }
    if (!failed && secured_->end == secured::ending::wanted && outbox_->unsealed().empty()) {
        secured_->session->finish(wire);
        secured_->end = secured::ending::announced;
    }
    return failed;
}

/// A record that was not made is missing in the stream: it is over for who reads too, who may wait for an answer to it.
void connection::fail_sealing(const std::error_code& why) noexcept {
    secured_->has_failed = true;
    fail_writing(why);
    if (!read_failure_) read_failure_ = why;
    if (reader) loop_->cancel(*reader);
}

/// Seals a share of what is to be sent; false where nothing can be sent now.
bool connection::seal_pending() noexcept {
    try {
        if (const std::error_code failed = seal_into(outbox_->sealed())) {
            fail_sealing(failed);
            return false;
        }
    } catch (const std::bad_alloc&) {
        fail_sealing(std::make_error_code(std::errc::not_enough_memory));
        return false;
    }
    outbox_->offer_sealed(options_->high_water);
    recount();
    return outbox_->offered() > 0;
}

/// All that was offered has been taken.
void connection::sealed_taken() noexcept {
    sent_ += std::exchange(secured_->sealed, 0);
    if (secured_->wire.empty()) return;
    try {
        outbox_->sealed() += secured_->wire;
        secured_->wire = {};
    } catch (const std::bad_alloc&) {
        fail_sealing(std::make_error_code(std::errc::not_enough_memory));
    }
}

/// What was written before the handshake is over waits for it no longer than for a peer that does not read.
void connection::wait_for_handshake() noexcept {
    if (write_failure_ || pending() == 0 || options_->write_deadline == forever) return;
    outbox_->deadline.set(*loop_, loop_->read_now_coarsely() + options_->write_deadline);
}

}  // namespace aperto
