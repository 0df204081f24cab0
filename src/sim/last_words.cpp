// SPDX-License-Identifier: MIT
#include "sim/last_words.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace aperto::sim {
namespace {

constexpr std::size_t text_max = 8192;
/// For a handler whose stack has run out.
constexpr std::size_t stack_size = 64 * 1024;

std::atomic<bool> taken = false;
std::array<char, text_max> text;
std::atomic<std::size_t> text_size = 0;
constexpr std::array signals{SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
std::array<struct sigaction, signals.size()> before;

}  // namespace

extern "C" {
static void say_and_go_on(int signal) {
    static_cast<void>(!::write(STDERR_FILENO, text.data(), text_size.exchange(0)));
    // Whoever had it before takes over, as soon as this returns.
    for (std::size_t i = 0; i < signals.size(); ++i)
        if (signals[i] == signal) ::sigaction(signal, &before[i], nullptr);
    ::raise(signal);
}
}

last_words::last_words(duration limit) : limit_(limit), mine_(!taken.exchange(true)) {
    if (!mine_) return;
    stack_t old{};
    if (::sigaltstack(nullptr, &old) == 0 && (old.ss_flags & SS_DISABLE)) {
        stack_ = std::make_unique<char[]>(stack_size);
        const stack_t spare{.ss_sp = stack_.get(), .ss_flags = 0, .ss_size = stack_size};
        ::sigaltstack(&spare, nullptr);
    }
    struct sigaction say{};
    say.sa_handler = &say_and_go_on;
    say.sa_flags = SA_ONSTACK;
    for (std::size_t i = 0; i < signals.size(); ++i)
        ::sigaction(signals[i], &say, &before[i]);
    if (limit_ != forever) watcher_ = std::thread(&last_words::watch, this);
}

last_words::~last_words() {
    if (!mine_) return;
    if (watcher_.joinable()) {
        {
            const std::lock_guard lock(guard_);
            over_ = true;
        }
        changed_.notify_one();
        watcher_.join();
    }
    for (std::size_t i = 0; i < signals.size(); ++i)
        ::sigaction(signals[i], &before[i], nullptr);
    if (stack_) {
        const stack_t none{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
        ::sigaltstack(&none, nullptr);
    }
    taken = false;
}

void last_words::begin(const std::string& what) {
    if (!mine_) return;
    const std::size_t size = std::min(what.size(), text.size());
    std::copy_n(what.data(), size, text.data());
    text_size = size;
    const std::lock_guard lock(guard_);
    until_ = limit_ == forever ? time_point::max() : clock::now() + limit_;
}

void last_words::end() noexcept {
    if (!mine_) return;
    text_size = 0;
    const std::lock_guard lock(guard_);
    until_ = time_point::max();
}

/// Looks now and then, rather than be woken for each run, of which there are thousands a second.
void last_words::watch() {
    const auto pause = std::min<duration>(limit_ / 4, std::chrono::seconds(1));
    std::unique_lock lock(guard_);
    while (!changed_.wait_for(lock, pause, [this] { return over_; })) {
        if (clock::now() < until_) continue;
        std::fprintf(stderr, "a run is not over after %.1f s of this machine's time\n",
                     std::chrono::duration<double>(limit_).count());
        std::abort();
    }
}

}  // namespace aperto::sim
