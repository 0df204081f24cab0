// SPDX-License-Identifier: MIT
#include "core/signal_set.hpp"

#include "aperto/error.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <thread>

namespace aperto {
namespace {

using signal_mask = std::uint64_t;
constexpr signal_mask bit_of(int signal) noexcept { return signal_mask{1} << (signal - 1); }

/// What a handler needs of one set. It may touch lock-free atomics and nothing else (signal-safety(7)).
struct slot {
    std::atomic<int> descriptor = -1;  ///< -1: nobody's
    std::atomic<signal_mask> ending = 0;
    std::atomic<signal_mask> noted = 0;
    std::atomic<signal_mask> waiting = 0;  ///< not taken yet
    std::atomic<bool> asked = false;
    std::atomic<int> exit_code = 0;
};
static_assert(std::atomic<signal_mask>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

constexpr std::size_t sets_max = 8;
std::array<slot, sets_max> slots;
std::atomic<int> handlers_inside = 0;

struct replaced {
    struct sigaction before{};
    unsigned users = 0;
};
std::mutex registry_mutex;
std::array<replaced, 65> registry;  // guarded; from 1 to SIGRTMAX

/// The second ending signal.
void end_at_once(int signal, int exit_code) noexcept {
    if (exit_code != 0) ::_exit(exit_code);
    struct sigaction usual{};
    usual.sa_handler = SIG_DFL;
    ::sigaction(signal, &usual, nullptr);
    ::raise(signal);  // strikes as this handler returns
}

void tell(slot& to, int signal) noexcept {
    const int descriptor = to.descriptor.load();
    const signal_mask bit = bit_of(signal);
    if (descriptor < 0 || ((to.ending.load() | to.noted.load()) & bit) == 0) return;
    if ((to.ending.load() & bit) != 0 && to.asked.exchange(true))
        return end_at_once(signal, to.exit_code.load());
    to.waiting.fetch_or(bit);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(descriptor, &one, sizeof one);
}

void on_signal(int signal) {
    const int errno_before = errno;
    handlers_inside.fetch_add(1);
    for (slot& each : slots)
        tell(each, signal);
    handlers_inside.fetch_sub(1);
    errno = errno_before;
}

/// False where the signal is ignored, and stays so.
bool take_over(int signal) {
    replaced& of = registry[static_cast<std::size_t>(signal)];
    if (of.users == 0) {
        ::sigaction(signal, nullptr, &of.before);
        if ((of.before.sa_flags & SA_SIGINFO) == 0 && of.before.sa_handler == SIG_IGN) return false;
        struct sigaction ours{};
        ours.sa_handler = on_signal;
        ours.sa_flags = SA_RESTART;
        ::sigfillset(&ours.sa_mask);  // so that one handler's work is not interrupted by the next
        ::sigaction(signal, &ours, nullptr);
    }
    ++of.users;
    return true;
}

void give_back(int signal) noexcept {
    replaced& of = registry[static_cast<std::size_t>(signal)];
    if (--of.users == 0) ::sigaction(signal, &of.before, nullptr);
}

signal_mask mask_of(const std::vector<int>& signals) noexcept {
    signal_mask mask = 0;
    for (const int each : signals) {
        assert(each > 0 && each < static_cast<int>(registry.size()));
        mask |= bit_of(each);
    }
    return mask;
}

std::size_t free_slot() {
    for (std::size_t i = 0; i < sets_max; ++i)
        if (slots[i].descriptor.load() < 0) return i;
    throw error::from_result(-EMFILE, "watch for", "signals");
}

}  // namespace

signal_set::signal_set(const wanted& which) {
    const std::lock_guard lock(registry_mutex);
    slot_ = free_slot();
    taken_over_.reserve(which.ending.size() + which.noted.size());
    const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0) throw error::from_result(-errno, "watch for", "signals");
    slot& mine = slots[slot_];
    mine.ending = mask_of(which.ending);
    mine.noted = mask_of(which.noted);
    mine.exit_code = which.exit_code;
    mine.waiting = 0;
    mine.asked = false;
    mine.descriptor = descriptor;
    for (const std::vector<int>* each : {&which.ending, &which.noted})
        for (const int signal : *each)
            if (take_over(signal)) taken_over_.push_back(signal);
}

signal_set::~signal_set() {
    const std::lock_guard lock(registry_mutex);
    for (const int each : taken_over_)
        give_back(each);
    const int descriptor = slots[slot_].descriptor.exchange(-1);
    // A handler on another thread may still be about to write to it; none begins any more.
    while (handlers_inside.load() != 0)
        std::this_thread::yield();
    ::close(descriptor);
}

int signal_set::descriptor() const noexcept { return slots[slot_].descriptor.load(); }

int signal_set::take() noexcept {
    slot& mine = slots[slot_];
    if (mine.waiting.load() == 0) {
        // What comes after this makes it readable again.
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(mine.descriptor.load(), &count, sizeof count);
    }
    const signal_mask waiting = mine.waiting.load();
    if (waiting == 0) return 0;
    const int signal = std::countr_zero(waiting) + 1;
    mine.waiting.fetch_and(~bit_of(signal));
    return signal;
}

const std::atomic<bool>& signal_set::asked_to_end() const noexcept { return slots[slot_].asked; }

}  // namespace aperto
