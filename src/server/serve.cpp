// SPDX-License-Identifier: MIT
#include "aperto/server.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>

namespace aperto {
namespace {

/// SIGINT and SIGTERM as a descriptor, for as long as this lives; started threads must not take them either.
class signals {
public:
    signals() {
        sigemptyset(&wanted_);
        sigaddset(&wanted_, SIGINT);
        sigaddset(&wanted_, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &wanted_, &before_);
        descriptor_ = signalfd(-1, &wanted_, SFD_CLOEXEC);
        if (descriptor_ < 0) throw error::from_result(-errno, "watch for", "signals");
    }
    ~signals() { restore(); }
    signals(const signals&) = delete;
    signals& operator=(const signals&) = delete;

    int descriptor() const noexcept { return descriptor_; }

    /// Takes the signal that has come, and gives the next one its usual effect: a second Ctrl-C ends the
    /// program at once.
    void take_one() noexcept {
        signalfd_siginfo which{};
        [[maybe_unused]] const auto taken = ::read(descriptor_, &which, sizeof which);
        restore();
    }

private:
    void restore() noexcept {
        if (descriptor_ < 0) return;
        ::close(std::exchange(descriptor_, -1));
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

    sigset_t wanted_{};
    sigset_t before_{};
    int descriptor_ = -1;
};

/// Waits until a signal has come or the server has ended by itself.
void serve_until_signal(server& serving, signals& watched) {
    const int over = eventfd(0, EFD_CLOEXEC);
    if (over < 0) throw error::from_result(-errno, "open", "an eventfd");
    std::exception_ptr failure;
    std::thread waiter([&] {
        try {
            serving.wait();
        } catch (...) {
            failure = std::current_exception();
        }
        eventfd_write(over, 1);
    });
    pollfd both[] = {{watched.descriptor(), POLLIN, 0}, {over, POLLIN, 0}};
    while (::poll(both, 2, -1) < 0 && errno == EINTR) {
    }
    if (both[0].revents) watched.take_one();
    serving.stop();
    waiter.join();
    ::close(over);
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

int serve(const options& options, handler what) {
    constexpr int failed = 1;
    constexpr int could_not_listen = 5;
    bool started = false;
    try {
        std::optional<signals> watched;
        if (options.handle_signals) watched.emplace();
        server serving(options, std::move(what));
        serving.start();
        started = true;
        if (watched)
            serve_until_signal(serving, *watched);
        else
            serving.wait();
        return 0;
    } catch (const error& failure) {
        std::fprintf(stderr, "error: %s\n", failure.what());
        if (!failure.advice().empty()) std::fprintf(stderr, "       %s\n", failure.advice().c_str());
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "error: %s\n", failure.what());
    }
    return started ? failed : could_not_listen;
}

int serve(std::uint16_t port, handler what) { return serve(options{.port = port}, std::move(what)); }

}  // namespace aperto
