// SPDX-License-Identifier: MIT
#include "aperto/error.hpp"
#include "net/connection.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <limits>
#include <new>
#include <utility>

namespace aperto {
namespace {

/// Who takes nothing of what one send offers for so long is slow: what the kernel holds for it is counted.
constexpr duration slow_after = std::chrono::seconds(1);

}  // namespace

std::string& connection::reply_buffer() {
    if (!outbox_) outbox_ = outbox::take(*this);
    return outbox_->filling();
}

void connection::commit() noexcept {
    if (!outbox_) return;
    recount();
    if (outbox_->in_flight()) return;  // its completion sends what has come meanwhile
    if (is_held_back()) return;
    // Large replies gain nothing from company, and are still in the cache now: the next one reuses their
    // memory.
    if (is_much_pending()) return pump();
    loop_->at_turn_end(*outbox_);
}

bool connection::has_room(std::size_t bytes) const noexcept {
    // With nothing before it, any write has room: one larger than the mark would wait for ever.
    return pending() == 0 || pending() + bytes <= options_->high_water;
}

void connection::append(std::span<const std::string_view> parts) {
    std::string& buffer = reply_buffer();
    const std::size_t before = buffer.size();
    try {
        for (const std::string_view each : parts)
            buffer.append(each);
    } catch (const std::bad_alloc&) {
        buffer.resize(
            before);  // all of it or nothing: a part would be taken for the beginning of what follows
        throw;
    }
    commit();
}

void connection::set_direct(std::span<const std::string_view> parts, std::size_t size) {
    if (!outbox_) outbox_ = outbox::take(*this);
    outbox_->set_direct(parts, size);
}

void connection::drop_direct() noexcept {
    if (!has_direct()) return;
    // Part of it may be sent: what would follow could not be told from it.
    if (outbox_->in_flight()) loop_->abandon(*outbox_);
    outbox_->drop_all();
    fail_writing(errc::cancelled);
}

void connection::cork() noexcept {
    assert(corks_ < std::numeric_limits<decltype(corks_)>::max());
    ++corks_;
}

void connection::uncork() noexcept {
    assert(corks_ > 0);
    if (--corks_ == 0 && is_open()) commit();
}

bool connection::is_held_back() const noexcept {
    return corks_ > 0 && !writer && !has_direct() && outbox_->offered() == 0 &&
           pending() <= options_->high_water / 2;
}

bool connection::make_room(std::size_t bytes) noexcept {
    if (!has_room(bytes) && corks_ > 0) pump();
    return has_room(bytes);
}

void connection::send_at_turn_end() noexcept {
    if (!is_held_back()) pump();
}

void connection::pump() noexcept {
    while (outbox_ && !outbox_->in_flight() && !write_failure_ &&
           (outbox_->pending() > 0 || owes_announcement())) {
        outbox& box = *outbox_;
        if (box.offered() == 0) {
            if (secured_) {
                if (!seal_pending()) {
                    wait_for_handshake();
                    break;
                }
            } else {
                box.offer(options_->high_water);
            }
            const duration first =
                options_->account ? std::min(slow_after, options_->write_deadline) : options_->write_deadline;
            if (first != forever) box.deadline.set(*loop_, loop_->read_now_coarsely() + first);
        } else if (secured_) {
            box.offer_sealed(box.offered());
        } else {
            box.offer(box.offered());  // the rest of the same offer, under the same deadline
        }
        if (!loop_->start_send(socket_, box)) return;
        on_sent_now(box.result);
    }
    settle_outbox();
}

void connection::on_sent(int result) noexcept {
    on_sent_now(result);
    if (outbox_->pending() > 0 && is_held_back()) return;
    pump();
}

void connection::on_sent_now(int result) noexcept {
    outbox& box = *outbox_;
    if (result < 0) return fail_writing(box.given_up ? box.given_up : error::code_of(result));
    if (!secured_) sent_ += static_cast<std::uint64_t>(result);
    if (result > 0) progressed_ = short_time(loop_->now());
    box.taken(static_cast<std::size_t>(result));
    if (box.offered() == 0) {
        if (secured_) sealed_taken();
        loop_->disarm(box.deadline);
        box.in_kernel = 0;
        box.is_slow = false;
        if (box.given_up == errc::deadline) box.given_up.clear();  // just in time
    }
    recount();
    if (box.given_up) fail_writing(box.given_up);
}

void connection::on_send_late() noexcept {
    outbox& box = *outbox_;
    if (box.deadline.put_off(*loop_)) return;
    if (!box.in_flight()) {  // nothing could be sealed
        fail_writing(errc::deadline);
        return settle_outbox();
    }
    const duration limit = options_->write_deadline;
    if (box.is_slow || !options_->account || limit <= slow_after) return give_writing_up(errc::deadline);
    // What it has not taken waits in the kernel, and counts as held for it.
    box.is_slow = true;
    try {
        box.in_kernel = facts().bytes_not_sent.value_or(0);
    } catch (const std::exception&) {
        box.in_kernel = 0;  // without the memory to ask
    }
    recount();
    if (limit != forever) box.deadline.set(*loop_, loop_->now() + (limit - slow_after));
}

void connection::fail_writing(const std::error_code& why) noexcept {
    if (!write_failure_) write_failure_ = why;
    if (outbox_) {
        loop_->disarm(outbox_->deadline);
        outbox_->drop_all();
    }
    if (write_failure_.code() == std::errc::timed_out && reader) loop_->cancel(*reader);
}

/// Wakes the writer when it has what it waits for; puts an empty outbox away.
void connection::settle_outbox() noexcept {
    if (outbox_ && outbox_->pending() == 0 && !outbox_->in_flight()) put_outbox_away();
    if (writer && writer->satisfied()) loop_->notify(*writer);
}

void connection::put_outbox_away() noexcept {
    outbox::put_away(std::move(outbox_));
    recount();
}

void connection::give_writing_up(const std::error_code& why) noexcept {
    outbox_->given_up = why;
    loop_->cancel(*outbox_);
}

std::error_code connection::shut_write() noexcept {
    if (write_shut_) return {};
    write_shut_ = true;
    const int result = loop_->shutdown_send(socket_);
    if (result >= 0) return {};
    // After the peer's reset shutdown(2) finds no connection left: to the caller that is the reset.
    return error::code_of(result == -ENOTCONN ? -ECONNRESET : result);
}

}  // namespace aperto
