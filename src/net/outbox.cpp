// SPDX-License-Identifier: MIT
#include "net/outbox.hpp"

#include "aperto/error.hpp"
#include "net/connection.hpp"
#include "net/shrink.hpp"

#include <algorithm>
#include <cassert>
#include <new>
#include <vector>

namespace aperto {
namespace {

/// Outboxes between two uses. A turn of a busy loop has as many in motion as it has connections to answer.
constexpr std::size_t stored_max = 64;

std::vector<std::unique_ptr<outbox>>& store() noexcept {
    static thread_local std::vector<std::unique_ptr<outbox>> mine;
    return mine;
}

iovec part(const char* data, std::size_t size) noexcept {
    return {const_cast<char*>(data),
            size};  // NOLINT: iovec is shared with reading calls; send(2) does not write
}

}  // namespace

outbox::alarm::alarm(outbox& of) noexcept
    : aperto::deadline([](timer& due) { static_cast<alarm&>(due).box->owner->on_send_late(); }), box(&of) {}

outbox::outbox(connection& of) noexcept
    : send_operation(of.on()),
      turn_hook([](turn_hook& at_end) { static_cast<outbox&>(at_end).owner->send_at_turn_end(); }),
      deadline(*this),
      owner(&of) {
    on_complete = [](operation& done) {
        auto& box = static_cast<outbox&>(done);
        box.owner->on_sent(box.result);
    };
}

std::unique_ptr<outbox> outbox::take(connection& of) {
    if (store().empty()) return std::make_unique<outbox>(of);
    std::unique_ptr<outbox> again = std::move(store().back());
    store().pop_back();
    again->move_to(of.on());
    again->owner = &of;
    return again;
}

void outbox::put_away(std::unique_ptr<outbox> emptied) noexcept {
    assert(!emptied->in_flight() && emptied->pending() == 0);
    emptied->turn_hook::unlink();
    emptied->deadline.unlink();
    emptied->drop_all();
    const bool large =
        emptied->filling_.capacity() > kept_capacity_max || emptied->sending_.capacity() > kept_capacity_max;
    if (large || store().size() >= stored_max || !keeps_memory(emptied->send_operation::owner())) return;
    try {
        if (store().capacity() == 0) store().reserve(stored_max);
        store().push_back(std::move(emptied));
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
        // Then it is not kept.
    }
}

void outbox::drop_all() noexcept {
    filling_.clear();
    sending_.clear();
    offset_ = 0;
    set_direct({}, 0);
    offered_ = 0;
    given_up.clear();
    is_slow = false;
    in_kernel = 0;
}

void outbox::offer(std::size_t limit) noexcept {
    if (offset_ == sending_.size()) {
        sending_.clear();
        offset_ = 0;
        sending_.swap(filling_);
    }
    gather();
    std::size_t count = 0;
    std::size_t total = 0;
    if (sending_.size() > offset_) {
        total = std::min(limit, sending_.size() - offset_);
        parts_[count++] = part(sending_.data() + offset_, total);
    }
    // What is in filling_ by now was written before direct_: it goes first, with the next offer.
    std::size_t skipped = direct_taken_;
    for (const std::string_view each : direct_) {
        if (!filling_.empty() || total == limit || count == parts_.size()) break;
        const std::string_view left = each.substr(skipped, limit - total);
        skipped = 0;
        if (left.empty()) continue;
        parts_[count++] = part(left.data(), left.size());
        total += left.size();
    }
    parts = {parts_.data(), count};
    offered_ = total;
}

std::string& outbox::sealed() noexcept {
    assert(!in_flight() && offered_ == 0);
    if (offset_ == sending_.size()) {
        sending_.clear();
        offset_ = 0;
    }
    return sending_;
}

std::string_view outbox::unsealed() noexcept {
    // Small parts of a large write share a record with what was written before them.
    while (!direct_.empty() && direct_size_ > 0 && filling_.size() < gathered_max &&
           move_small_part(filling_)) {
    }
    if (!filling_.empty()) return filling_;
    return direct_size_ > 0 ? direct_.front().substr(direct_taken_) : std::string_view();
}

void outbox::unsealed_taken(std::size_t bytes) noexcept {
    if (filling_.empty()) return take_direct(bytes);
    if (bytes == filling_.size())
        filling_.clear();
    else
        filling_.erase(0, bytes);
}

void outbox::offer_sealed(std::size_t limit) noexcept {
    offered_ = std::min(limit, sending_.size() - offset_);
    parts_[0] = part(sending_.data() + offset_, offered_);
    parts = {parts_.data(), 1};
}

/// Copies the small parts at the front together: a call of the kernel takes few parts, and small ones would leave in
/// small segments.
void outbox::gather() noexcept {
    while (filling_.empty() && !direct_.empty() && sending_.size() - offset_ < gathered_max &&
           move_small_part(sending_)) {
    }
}

bool outbox::move_small_part(std::string& to) noexcept {
    const std::string_view left = direct_.front().substr(direct_taken_);
    if (left.size() >= gathered_part_max) return false;
    try {
        to += left;
    } catch (const std::bad_alloc&) {
        return false;
    }
    direct_size_ -= left.size();
    direct_taken_ = 0;
    direct_ = direct_.subspan(1);
    return true;
}

void outbox::take_direct(std::size_t bytes) noexcept {
    assert(bytes <= direct_size_);
    direct_size_ -= bytes;
    while (bytes > 0) {
        const std::size_t left = direct_.front().size() - direct_taken_;
        if (bytes < left) {
            direct_taken_ += bytes;
            return;
        }
        bytes -= left;
        direct_taken_ = 0;
        direct_ = direct_.subspan(1);
    }
}

void outbox::taken(std::size_t bytes) noexcept {
    assert(bytes <= offered_);
    offered_ -= bytes;
    const std::size_t buffered = std::min(bytes, sending_.size() - offset_);
    offset_ += buffered;
    take_direct(bytes - buffered);
    if (offset_ == sending_.size()) {
        sending_.clear();
        offset_ = 0;
    }
    // What is empty goes to the store; a steady stream of large replies needs the room again at once. A rest
    // of one, or a few small ones behind it, do not hold it.
    const std::size_t in_use = std::max(sending_.size() - offset_, filling_.size());
    if (pending() == 0 || !is_oversized(sending_.capacity(), in_use)) return;
    sending_.erase(0, offset_);
    offset_ = 0;
    shrink(sending_);
}

}  // namespace aperto
