// SPDX-License-Identifier: MIT
#include "aperto/error.hpp"
#include "io/poller.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace aperto::io {
namespace {

class linux_poller final : public poller {
public:
    linux_poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        if (epoll_ < 0) throw error::from_result(-errno, "start", "epoll");
    }
    ~linux_poller() override { ::close(epoll_); }
    linux_poller(const linux_poller&) = delete;
    linux_poller& operator=(const linux_poller&) = delete;

    int add(int descriptor, std::uint32_t events, std::uint64_t data) noexcept override {
        return control(EPOLL_CTL_ADD, descriptor, events, data);
    }
    int modify(int descriptor, std::uint32_t events, std::uint64_t data) noexcept override {
        return control(EPOLL_CTL_MOD, descriptor, events, data);
    }

    void remove(int descriptor) noexcept override { control(EPOLL_CTL_DEL, descriptor, 0, 0); }
    int descriptor() const noexcept override { return epoll_; }

    int wait(std::span<epoll_event> into, std::int64_t nanoseconds) noexcept override {
        const int size = static_cast<int>(into.size());
        if (nanoseconds <= 0)
            return outcome(::epoll_wait(epoll_, into.data(), size, nanoseconds < 0 ? -1 : 0));
        if (nanosecond_wait_) {
            constexpr std::int64_t second = 1'000'000'000;
            const timespec limit{.tv_sec = nanoseconds / second, .tv_nsec = nanoseconds % second};
            const int result = outcome(::epoll_pwait2(epoll_, into.data(), size, &limit, nullptr));
            // Older kernels, and filters that do not know the call, refuse it.
            if (result != -ENOSYS && result != -EPERM) return result;
            nanosecond_wait_ = false;
        }
        constexpr std::int64_t millisecond = 1'000'000;
        constexpr std::int64_t longest = 24 * 3'600'000;
        const std::int64_t milliseconds =
            std::min(nanoseconds / millisecond + (nanoseconds % millisecond != 0 ? 1 : 0), longest);
        return outcome(::epoll_wait(epoll_, into.data(), size, static_cast<int>(milliseconds)));
    }

private:
    static int outcome(int result) noexcept { return result < 0 ? -errno : result; }
    int control(int what, int descriptor, std::uint32_t events, std::uint64_t data) noexcept {
        epoll_event event{.events = events, .data = {.u64 = data}};
        return outcome(::epoll_ctl(epoll_, what, descriptor, &event));
    }

    int epoll_;
    bool nanosecond_wait_ = true;
};

}  // namespace

std::unique_ptr<poller> open_poller() { return std::make_unique<linux_poller>(); }

}  // namespace aperto::io
