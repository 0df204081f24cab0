// SPDX-License-Identifier: MIT
#include "lab/hosts/alarm.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace aperto::lab {

alarm::alarm(std::function<void(duration)> ring)
    : ring_(std::move(ring)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!timer_ || !stop_) {
        throw std::system_error(errno, std::system_category(), "make a timer");
    }
    thread_ = std::thread([this] { run(); });
}

alarm::~alarm() {
    const std::uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof one);
    thread_.join();
}

void alarm::set(duration moment, duration every) {
    moment_ = moment;
    every_ = every;
    const auto parts = [](duration of) {
        return timespec{static_cast<time_t>(of.count() / 1'000'000'000), of.count() % 1'000'000'000};
    };
    const itimerspec when{.it_interval = parts(every), .it_value = parts(moment)};
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void alarm::run() {
    ::prctl(PR_SET_NAME, "lab-alarm");
    std::array<pollfd, 2> watched{{{timer_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    while (::poll(watched.data(), watched.size(), -1) < 0 || watched[1].revents == 0) {
        std::uint64_t rung = 0;
        if (::read(timer_.get(), &rung, sizeof rung) != sizeof rung) {
            continue;
        }
        // Where this thread had no turn for a while, the kernel has counted the moments that went by.
        const auto every = every_.load();
        moment_ = moment_.load() + every * static_cast<std::int64_t>(rung - 1);
        ring_(moment_);
        moment_ = moment_.load() + every;
    }
}

}  // namespace aperto::lab
