// SPDX-License-Identifier: MIT
// A simulated ring's two queues; what its requests do is in sim_requests.cpp.
#include "sim/sim_ring.hpp"

#include "sim/machine_work.hpp"
#include "sim/network.hpp"
#include "sim/program.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <limits>
#include <utility>

namespace aperto::sim {
namespace {

constexpr duration lateness_max = std::chrono::milliseconds(5);
/// A small ring, where chance makes one.
constexpr std::size_t few_entries = 4;
constexpr std::size_t few_completions = 8;
/// So often in a row a cancel meets a request just as it runs, and no more.
constexpr std::uint8_t cancels_lost_max = 2;
/// Does not wait, nor is it idle.
constexpr std::int64_t look_only = std::numeric_limits<std::int64_t>::min();

}  // namespace

sim_ring::sim_ring(network& net, std::uint16_t host) : net_(net), host_(host) {
    net_.at(host).ring = this;
    const bool is_small = happens(&faults::small_ring);
    entries_.resize(is_small ? few_entries : 256);
    completions_max_ = is_small ? few_completions : 2048;
    knows_caps_ = !happens(&faults::old_kernel);
}

sim_ring::~sim_ring() { net_.at(host_).ring = nullptr; }

sim_kernel& sim_ring::os() const noexcept { return *net_.at(host_).os; }
bool sim_ring::happens(double faults::* which) const noexcept { return net_.happens(which); }

// ---- submissions

io_uring_sqe* sim_ring::next_entry() noexcept {
    if (queued_ == entries_.size()) return nullptr;
    io_uring_sqe& next = entries_[queued_++];
    next = {};
    return &next;
}

bool sim_ring::withdraw(std::uint64_t user_data) noexcept {
    for (std::size_t i = 0; i < queued_; ++i) {
        if (entries_[i].user_data != user_data) continue;
        io_uring_prep_nop(&entries_[i]);
        return true;
    }
    return false;
}

int sim_ring::submit() noexcept {
    const machine_work working;
    std::size_t count = queued_;
    if (count > 0 && happens(&faults::short_submit)) {
        if (net_.below(3) == 0) return net_.below(2) == 0 ? -EAGAIN : -EBUSY;
        count = net_.below(count + 1);
    }
    for (std::size_t i = 0; i < count; ++i)
        if (!os().is_dead()) issue(entries_[i]);
    std::move(entries_.begin() + static_cast<std::ptrdiff_t>(count),
              entries_.begin() + static_cast<std::ptrdiff_t>(queued_), entries_.begin());
    queued_ -= count;
    return static_cast<int>(count);
}

int sim_ring::submit_and_wait(std::int64_t nanoseconds) noexcept {
    const machine_work working;
    const int result = submit();
    if (result < 0 || queued_ > 0) return result;
    const bool news = result > 0 || !work_.empty();
    const int waited = wait(nanoseconds == 0 && news ? look_only : nanoseconds);
    return waited < 0 ? waited : result;
}

int sim_ring::wait(std::int64_t nanoseconds) noexcept {
    const machine_work working;
    run_task_work();
    if (os().is_dead()) return 0;
    if (happens(&faults::interrupted)) return -EINTR;
    if (!completions_.empty() || nanoseconds == look_only) return 0;
    net_.wait(host_, nanoseconds);
    run_task_work();
    return completions_.empty() && nanoseconds != 0 ? -ETIME : 0;
}

int sim_ring::run_task_work() noexcept {
    const machine_work working;
    flush_overflow();
    work_off();
    flush_overflow();
    return 0;
}

void sim_ring::issue(const io_uring_sqe& entry) {
    switch (entry.opcode) {
    case IORING_OP_NOP:
        return post(entry.user_data, 0, 0);
    case IORING_OP_CLOSE:
        os().close(entry.fd);
        if (!(entry.flags & IOSQE_CQE_SKIP_SUCCESS)) post(entry.user_data, 0, 0);
        return;
    case IORING_OP_ASYNC_CANCEL:
        return cancel(entry);
    default:
        break;
    }
    auto made = std::make_unique<request>();
    request& fresh = *made;
    fresh.owner = this;
    fresh.number = ++numbers_;
    fresh.entry = std::make_unique<io_uring_sqe>(entry);
    fresh.on = os().find(entry.fd);
    requests_.emplace(fresh.number, std::move(made));
    numbered_[entry.user_data] = fresh.number;
    if (!fresh.on) return finish(fresh, -EBADF);
    fresh.on->watchers.push_back(fresh);
    begin(fresh);
}

// ---- cancelling

sim_ring::request* sim_ring::find(std::uint64_t user_data) noexcept {
    const auto number = numbered_.find(user_data);
    if (number == numbered_.end()) return nullptr;
    const auto there = requests_.find(number->second);
    return there == requests_.end() ? nullptr : there->second.get();
}

void sim_ring::cancel(const io_uring_sqe& entry) {
    request* const found = find(entry.addr);
    net_.record({.what = happening::cancel,
                 .host = host_,
                 .peer = host_,
                 .connection = found && found->on ? found->on->connection : 0});
    if (!found) return post(entry.user_data, -ENOENT, 0);
    if (found->cancels_lost < cancels_lost_max && happens(&faults::lost_cancel)) {
        ++found->cancels_lost;
        const bool many = (found->entry->ioprio & IORING_RECV_MULTISHOT) != 0;
        if (found->entry->opcode == IORING_OP_RECV && many) {
            // It was just running: nobody found it, and it goes on.
            to_do(*found);
            return post(entry.user_data, -ENOENT, 0);
        }
        // It reaches the request a little later; what has come by then wins.
        net_.add_plan({.at = net_.elapsed() + net_.up_to(lateness_max),
                       .first = found->number,
                       .which = host_,
                       .what = plan::kind::cancel});
        return post(entry.user_data, -EALREADY, 0);
    }
    found->cancelled = true;
    to_do(*found);
    if (!(entry.flags & IOSQE_CQE_SKIP_SUCCESS)) post(entry.user_data, 0, 0);
}

void sim_ring::cancel_now(std::uint64_t user_data) noexcept {
    const machine_work working;
    if (request* const found = find(user_data)) {
        found->cancelled = true;
        to_do(*found);
    }
}

void sim_ring::drop_requests() noexcept {
    work_.clear();
    // Out of the map first: the end of a file may lead back here.
    const auto dropped = std::exchange(requests_, {});
}

void sim_ring::reach_with_cancel(std::uint64_t number) noexcept {
    const auto there = requests_.find(number);
    if (there == requests_.end()) return;
    there->second->cancelled = true;
    to_do(*there->second);
}

// ---- completions

void sim_ring::post(std::uint64_t user_data, int result, std::uint32_t flags) {
    const completion told{.user_data = user_data, .result = result, .flags = flags};
    const bool full = !overflowed_.empty() || completions_.size() >= completions_max_;
    (full ? overflowed_ : completions_).push_back(told);
    net_.wake(host_);
}

void sim_ring::flush_overflow() noexcept {
    while (!overflowed_.empty() && completions_.size() < completions_max_) {
        completions_.push_back(overflowed_.front());
        overflowed_.pop_front();
    }
}

std::size_t sim_ring::take(std::span<completion> into) noexcept {
    const machine_work working;
    if (completions_.empty()) flush_overflow();
    const std::size_t count = std::min(into.size(), completions_.size());
    for (std::size_t i = 0; i < count; ++i) {
        into[i] = completions_.front();
        completions_.pop_front();
    }
    return count;
}

// ---- buffers

int sim_ring::register_buffers(std::uint16_t, std::uint32_t) { return 0; }
void sim_ring::unregister_buffers(std::uint16_t) noexcept { buffers_.clear(); }

void sim_ring::provide(char* memory, std::uint32_t size, std::uint16_t id) noexcept {
    const machine_work working;
    buffers_.push_back({memory, size, id});
}

}  // namespace aperto::sim
