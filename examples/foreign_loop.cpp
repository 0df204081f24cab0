// SPDX-License-Identifier: MIT
// ./foreign_loop PORT: capitals in a program whose thread another library's loop runs, here libuv's, and which does
// something else on it: once a second it tells how many clients there are.
#include <aperto/aperto.hpp>

#include <uv.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

/// Runs a loop of aperto's as a guest of libuv's: a turn whenever there is something to do, and never a wait.
class guest {
public:
    guest(uv_loop_t* host, aperto::loop& own) : own_(own) {
        uv_poll_init(host, &readable_, own.poll_descriptor());
        uv_timer_init(host, &due_);
        readable_.data = due_.data = this;
        uv_poll_start(&readable_, UV_READABLE,
                      [](uv_poll_t* handle, int, int) { static_cast<guest*>(handle->data)->turn(); });
        turn();
    }

    void turn() try {
        if (!own_.poll()) return uv_stop(readable_.loop);
        const aperto::time_point due = own_.next_deadline();
        if (due == aperto::time_point::max()) return static_cast<void>(uv_timer_stop(&due_));
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(std::max(due, own_.now()) - own_.now());
        uv_timer_start(
            &due_, [](uv_timer_t* handle) { static_cast<guest*>(handle->data)->turn(); },
            static_cast<std::uint64_t>(left.count()), 0);
    } catch (const std::exception& failed) {  // not through libuv's own functions
        std::fprintf(stderr, "foreign_loop: %s\n", failed.what());
        failed_ = true;
        uv_stop(readable_.loop);
    }

    bool failed() const { return failed_; }

private:
    aperto::loop& own_;
    uv_poll_t readable_{};
    uv_timer_t due_{};
    bool failed_ = false;
};

int main(int count, char** words) {
    if (count != 2) return std::fputs("usage: foreign_loop PORT\n", stderr), 2;
    uv_loop_t* const host = uv_default_loop();
    const auto own = aperto::loop::create({.which = aperto::engine::epoll});
    aperto::server capitals(
        {.port = static_cast<std::uint16_t>(std::atoi(words[1])), .framing = aperto::framing::line},
        [](std::string_view line) { return aperto::to_upper(line); });
    own->spawn(capitals.run_on(*own));
    guest running(host, *own);

    uv_timer_t seconds{};
    uv_timer_init(host, &seconds);
    seconds.data = &capitals;
    uv_timer_start(
        &seconds,
        [](uv_timer_t* handle) {
            std::fprintf(stderr, "%zu clients\n", static_cast<aperto::server*>(handle->data)->connections());
        },
        0, 1000);
    uv_signal_t ending{};
    uv_signal_init(host, &ending);
    ending.data = &capitals;
    uv_signal_start(
        &ending, [](uv_signal_t* handle, int) { static_cast<aperto::server*>(handle->data)->stop(); },
        SIGTERM);
    uv_run(host, UV_RUN_DEFAULT);
    return running.failed() ? 1 : 0;
}
