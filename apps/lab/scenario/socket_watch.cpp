// SPDX-License-Identifier: MIT
#include "lab/scenario/socket_watch.hpp"

#include "core/sentence.hpp"
#include "lab/hosts/host.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace aperto::lab {

namespace {

constexpr std::size_t samples_max = 100'000;

/// Of the virtual kernel's timers. Whoever wakes up between two ticks gives it one tick more, which others may meet.
constexpr duration tick = std::chrono::milliseconds(10);

duration clock_now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

bool is_number(const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

stop_sign parse_stop_sign(const std::string& text) {
    stop_sign out;
    out.text = std::string(trimmed(text));
    if (is_number(out.text)) {
        out.packet = parse_count(out.text, 1, 1'000'000'000'000);
    } else if (!out.text.empty() && out.text[0] >= '0' && out.text[0] <= '9') {
        out.moment = parse_duration(out.text);
    } else {
        out.victim = make_fault("drop", out.text, {}).victim;
    }
    return out;
}

socket_watch::socket_watch(const box& hosts, const run_plan& plan)
    : hosts_(hosts),
      plan_(plan),
      told_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "make an event descriptor")) {
    if (plan.until && plan.until->moment) {
        stop_alarm_.emplace([this](duration) { stop(*plan_.until->moment, 0); });
    }
    if (auto every = plan.samples_every; every > duration{}) {
        if (plan.in_virtual_time) {
            every = (every + tick - duration(1)) / tick * tick;
        }
        sample_alarm_.emplace([this](duration moment) { sample(moment); });
        sample_alarm_->set((clock_now() / every + 1) * every, every);
    }
}

wire_plan socket_watch::told_to(wire_plan plan) {
    plan.first_packet = [this](duration moment) {
        epoch_ = moment.count();
        if (stop_alarm_) {
            stop_alarm_->set(moment + *plan_.until->moment, {});
        }
    };
    if (plan_.until && !stop_alarm_) {
        plan.stops_at = [&sign = *plan_.until](const event& one) {
            return sign.packet ? one.number == *sign.packet : sign.victim.matches(one);
        };
        plan.reached = [this](const event& one) { stop(one.sent, one.number); };
    }
    return plan;
}

std::vector<socket_view> socket_watch::look(side host) {
    return ask_sockets(hosts_.descriptor_of(host, host_descriptor::diag));
}

std::vector<kernel_connection> socket_watch::ask(side host, bool v6) {
    const std::lock_guard lock(guard_);
    return ask_kernel(hosts_.descriptor_of(host, host_descriptor::diag), v6);
}

void socket_watch::sample(duration moment) {
    const duration epoch(epoch_.load());
    const std::lock_guard lock(guard_);
    if (epoch == duration{} || moment < epoch || samples_.size() >= samples_max || stopped_) {
        return;
    }
    for (const auto host : {side::client, side::server}) {
        for (auto& one : look(host)) {
            samples_.push_back({moment - epoch, host, one});
        }
    }
}

void socket_watch::stop(instant at, std::uint64_t packet) {
    if (auto* const carrying = wire_.load(); carrying != nullptr) {
        carrying->halt();
    }
    {
        const std::lock_guard lock(guard_);
        place_ = stopping_place{at, packet, {look(side::client), look(side::server)}};
    }
    stopped_ = true;
    const std::uint64_t one = 1;
    (void)!::write(told_.get(), &one, sizeof one);
}

void socket_watch::end() {
    sample_alarm_.reset();
    stop_alarm_.reset();
}

void socket_watch::finish(run_report& report) {
    report.socket_samples = std::move(samples_);
    report.stopped = std::move(place_);
    if (report.stopped) {
        report.took = report.stopped->at;
    }
}

}  // namespace aperto::lab
