// SPDX-License-Identifier: MIT
#include "lab/wire/wire.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <ctime>
#include <system_error>

namespace aperto::lab {

namespace {

constexpr std::size_t packet_size_max = 65'536;
constexpr int batch_max = 64;
/// So many packets are read before they are written: both go faster in a row, and a receiver that is awake
/// still is not woken for each (200,000 packets a second became 220,000). The first of a full batch waits
/// some 40 µs for it; a packet that comes alone leaves at once.
constexpr int together_max = 16;

instant clock_now(clockid_t which = CLOCK_MONOTONIC) {
    timespec time{};
    ::clock_gettime(which, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

wire::wire(wire_plan plan, int client_tun, int server_tun)
    : plan_(std::move(plan)),
      tuns_{client_tun, server_tun},
      links_{link(side::client, plan_.seed, plan_.link.base[0], plan_.link.phases[0], &plan_.named),
             link(side::server, plan_.seed, plan_.link.base[1], plan_.link.phases[1], &plan_.named)},
      tracker_(flow_tracker::options{plan_.senders}),
      scratch_(packet_size_max),
      stop_signal_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!stop_signal_) {
        throw std::system_error(errno, std::system_category(), "make an event descriptor");
    }
    if (plan_.replay) {
        for (auto& one : links_) {
            one.replay([this](const event& what) { return std::optional(plan_.replay->lookup(what)); });
        }
    }
    thread_ = std::thread([this] { run(); });
}

wire::~wire() { stop(); }

void wire::stop() {
    if (!thread_.joinable()) {
        return;
    }
    stopping_ = true;
    const std::uint64_t one = 1;
    (void)!::write(stop_signal_.get(), &one, sizeof one);
    thread_.join();
}

void wire::halt() noexcept {
    halted_ = true;
    const std::uint64_t one = 1;
    (void)!::write(stop_signal_.get(), &one, sizeof one);
}

instant wire::now() const {
    const auto epoch = epoch_.load(std::memory_order_acquire);
    return epoch == 0 ? instant{} : clock_now() - instant(epoch);
}

std::chrono::nanoseconds wire::began() const noexcept {
    return std::chrono::nanoseconds(wall_epoch_.load(std::memory_order_relaxed));
}

void wire::run() {
    ::prctl(PR_SET_NAME, "lab-wire");
    ::prctl(PR_SET_TIMERSLACK, 1UL);  // a nanosecond: delays are to be what was asked for
    bool busy = false;
    while (!stopping_ && !halted_) {
        if (!busy) {  // else more has probably come meanwhile
            wait_for_packets(now());
        }
        busy = false;
        for (const auto from : {side::client, side::server}) {
            busy = read_some(from) || busy;
            if (!halted_) {
                flush(from, now());
            }
        }
        if (!fresh_.empty()) {
            const std::lock_guard lock(outbox_guard_);
            std::move(fresh_.begin(), fresh_.end(), std::back_inserter(outbox_));
            fresh_.clear();
        }
        if (busy) {
            last_activity_.store(now().count(), std::memory_order_relaxed);
        }
        under_way_.store(links_[0].waiting() + links_[1].waiting(), std::memory_order_relaxed);
    }
    // What the hosts had sent when the wire was stopped is seen too, as the kernels have counted it.
    constexpr int rounds_max = 64;
    for (int round = 0;
         round < rounds_max && !halted_ && (read_some(side::client) || read_some(side::server)); ++round) {
    }
    for (auto& one : slots_) {
        if (one.pending > 0) {
            one.what.end = fate::lost;
            one.what.lost_by = loss_cause::ended;
            finish(one.what, one.bytes);
        }
    }
    const std::lock_guard lock(outbox_guard_);
    std::move(fresh_.begin(), fresh_.end(), std::back_inserter(outbox_));
}

/// Sleeps until a packet comes, one is due, or the wire is to stop.
void wire::wait_for_packets(instant now) {
    std::optional<instant> due;
    for (const auto& one : links_) {
        if (const auto next = one.next_due()) {
            due = std::min(due.value_or(instant::max()), *next);
        }
    }
    std::array<pollfd, 3> watched{
        {{tuns_[0], POLLIN, 0}, {tuns_[1], POLLIN, 0}, {stop_signal_.get(), POLLIN, 0}}};
    timespec timeout{};
    if (due) {
        const auto left = std::max(*due - now, duration{});
        timeout.tv_sec = static_cast<time_t>(left.count() / 1'000'000'000);
        timeout.tv_nsec = left.count() % 1'000'000'000;
    }
    ::ppoll(watched.data(), watched.size(), due ? &timeout : nullptr, nullptr);
}

std::size_t wire::take_slot() {
    if (free_slots_.empty()) {
        slots_.emplace_back().bytes.reserve(2048);
        return slots_.size() - 1;
    }
    const auto place = free_slots_.back();
    free_slots_.pop_back();
    return place;
}

bool wire::read_some(side from) {
    for (int i = 0; i < batch_max && !halted_; ++i) {
        const auto size = ::read(tun_of(from), scratch_.data(), scratch_.size());
        if (size <= 0) {
            return i > 0;
        }
        const auto place = take_slot();
        slots_[place].bytes.assign(scratch_.begin(), scratch_.begin() + size);
        accept(from, place, static_cast<std::size_t>(size));
        if (i % together_max == together_max - 1 && !halted_) {
            flush(from, slots_[place].what.sent);
        }
    }
    return true;
}

void wire::accept(side from, std::size_t place, std::size_t size) {
    auto& held = slots_[place];
    auto& what = held.what;
    if (next_number_ == 1) {
        wall_epoch_.store(clock_now(CLOCK_REALTIME).count(), std::memory_order_relaxed);
        epoch_.store(clock_now().count(), std::memory_order_release);
        plan_.first_packet(duration(epoch_.load(std::memory_order_relaxed)));
    }
    what = event{};
    what.number = next_number_++;
    what.from = from;
    what.sent = now();
    if (const auto seen = decode(held.bytes)) {
        what.seen = *seen;
    } else {
        what.seen.length = static_cast<std::uint32_t>(size);
    }
    tracker_.entered(what, held.bytes);
    if (plan_.stops_at && plan_.stops_at(what)) {
        halted_ = true;
        held.pending = 1;
        plan_.reached(what);
        return;
    }
    const auto decided = links_[index(from)].offer(what, place);
    if (plan_.keep_decisions) {
        decisions_.note(what, decided);
    }
    for (std::size_t bit = 0; bit < struck_.size(); ++bit) {
        struck_[bit] += (what.faults >> bit) & 1U;
    }
    if (what.lost_by != loss_cause::none) {
        what.end = fate::lost;
        finish(what, held.bytes);
        if (what.lost_by == loss_cause::mtu && links_[index(from)].settings(what.sent).mtu_reply) {
            reply_too_big(what, held.bytes);
        }
        free_slots_.push_back(place);
        return;
    }
    held.pending = 1;
    if (what.struck(fault::duplicated)) {
        held.pending = 2;
        held.copy_number = next_number_++;
    }
}

void wire::flush(side from, instant now) {
    departure next;
    while (links_[index(from)].take_due(now, next)) {
        deliver(from, next);
    }
}

/// The packet as it leaves: what was read, or a copy with the wire's marks on it.
bytes_view wire::as_it_leaves(event& what, bytes_view bytes) {
    if (!what.struck(fault::corrupted | fault::ce_marked)) {
        return bytes;
    }
    altered_.assign(bytes.begin(), bytes.end());
    if (what.struck(fault::corrupted)) {
        flip_bit(altered_, what.corrupt_bit);
    }
    if (what.struck(fault::ce_marked)) {
        set_ecn(altered_, 3);
        what.marks |= mark::congestion;
    }
    return altered_;
}

void wire::deliver(side from, const departure& due) {
    auto& held = slots_[due.token];
    // The last to leave takes the record itself.
    std::optional<event> second;
    event& what = held.pending == 1 && !due.copy ? held.what : second.emplace(held.what);
    if (due.copy) {
        // The copy was made before the damage.
        what.number = held.copy_number;
        what.copy_of = held.what.number;
        what.faults = (what.faults & ~(fault::duplicated | fault::corrupted)) | fault::copy;
    }
    const auto bytes = as_it_leaves(what, held.bytes);
    const auto written = ::write(tun_of(other(from)), bytes.data(), bytes.size());
    what.arrived = now();
    what.end = fate::delivered;
    if (written != static_cast<ssize_t>(bytes.size())) {
        what.end = fate::lost;
        what.lost_by = loss_cause::refused;
        ++refused_;
    } else {
        what.added = what.arrived - due.due;
        added_.add(what.added);
        tracker_.left(what, bytes);
        datagrams_ += what.seen.protocol == IPPROTO_UDP ? 1 : 0;
    }
    finish(what, held.bytes);
    if (--held.pending == 0) {
        free_slots_.push_back(due.token);
    }
}

/// A packet's story is over: count it and hand it to whoever watches.
void wire::finish(event& what, bytes_view bytes) {
    if (what.end == fate::lost) {
        ++lost_by_[static_cast<std::size_t>(what.lost_by)];
        tracker_.lost(what);
    }
    if (plan_.keep_events) {
        auto& out = fresh_.emplace_back();
        out.what = what;
        if (plan_.keep_bytes) {
            out.bytes.assign(bytes.begin(), bytes.end());
        }
    }
}

void wire::reply_too_big(const event& dropped, bytes_view bytes) {
    const auto mtu = links_[index(dropped.from)].settings(dropped.sent).mtu;
    const auto reply = too_big_message(bytes, mtu);
    const auto seen = decode(reply);
    if (!seen || ::write(tun_of(dropped.from), reply.data(), reply.size()) < 0) {
        return;
    }
    event what;
    what.number = next_number_++;
    what.from = other(dropped.from);
    what.sent = dropped.sent;
    what.arrived = now();
    what.end = fate::delivered;
    what.seen = *seen;
    what.faults = fault::made_by_wire;
    ++struck_[static_cast<std::size_t>(std::countr_zero(fault::made_by_wire))];
    tracker_.entered(what, reply);
    finish(what, reply);
}

void wire::take_events(std::vector<seen_packet>& out) {
    const std::lock_guard lock(outbox_guard_);
    std::move(outbox_.begin(), outbox_.end(), std::back_inserter(out));
    outbox_.clear();
}

// Buckets double every 16: 2^(1/16) is 4.4 %.

void added_times::add(duration one) noexcept {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(one.count(), 1));
    const auto doubling = static_cast<std::size_t>(std::bit_width(value) - 1);
    const auto within = static_cast<double>(value) / static_cast<double>(std::uint64_t{1} << doubling) - 1;
    const auto place =
        doubling * buckets_per_doubling + static_cast<std::size_t>(within * buckets_per_doubling);
    ++buckets_[std::min(place, buckets_.size() - 1)];
    ++count_;
}

duration added_times::quantile(double share) const noexcept {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        seen += buckets_[i];
        if (seen >= wanted && seen > 0) {
            const auto base = static_cast<double>(std::uint64_t{1} << (i / buckets_per_doubling));
            const auto part = (static_cast<double>(i % buckets_per_doubling) + 0.5) / buckets_per_doubling;
            return duration(std::llround(base * (1 + part)));
        }
    }
    return {};
}

}  // namespace aperto::lab
