// SPDX-License-Identifier: MIT
#include "aperto/task.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define APERTO_PLAIN_FRAMES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define APERTO_PLAIN_FRAMES 1
#endif
#endif

namespace aperto::detail {

void refuse_miscompiled_coroutine() noexcept {
    std::fputs(
        "aperto: the compiler laid out a coroutine wrongly (GCC PR 106188). An if or a loop awaits in its "
        "condition where the body declares no variable: write `while (auto line = co_await ...)`. Compiled "
        "with -O1 or more the error says where; GCC's later releases and Clang do not have this fault.\n",
        stderr);
    std::abort();
}

#ifdef APERTO_PLAIN_FRAMES

// A sanitizer sees a use after the end of a frame only when the memory really goes back.
void* allocate_frame(std::size_t bytes) { return ::operator new(bytes); }
void free_frame(void* frame, std::size_t bytes) noexcept { ::operator delete(frame, bytes); }

#else

namespace {

/// The sizes that malloc has, 16 bytes apart and 8 less for its own: a frame that waits takes no more than it needs.
constexpr std::size_t step = 16;
constexpr std::size_t of_malloc = 8;
constexpr std::size_t largest = 2048 + of_malloc;
/// Frames kept for reuse, by size class: enough for the ones in motion; those of connections that wait are in
/// use.
constexpr std::uint32_t kept_max = 64;

struct free_frames {
    struct node {
        node* next;
    };
    struct size_class {
        node* first = nullptr;
        std::uint32_t count = 0;
    };
    std::array<size_class, (largest - of_malloc) / step + 1> classes;

    ~free_frames() {
        for (size_class& each : classes)
            while (each.first)
                ::operator delete(std::exchange(each.first, each.first->next));
    }
};

free_frames& frames() noexcept {
    static thread_local free_frames mine;
    return mine;
}

constexpr std::size_t class_of(std::size_t bytes) noexcept { return (bytes - of_malloc + step - 1) / step; }

}  // namespace

void* allocate_frame(std::size_t bytes) {
    if (bytes > largest) return ::operator new(bytes);
    free_frames::size_class& fitting = frames().classes[class_of(bytes)];
    if (!fitting.first) return ::operator new(class_of(bytes) * step + of_malloc);
    --fitting.count;
    return std::exchange(fitting.first, fitting.first->next);
}

void free_frame(void* frame, std::size_t bytes) noexcept {
    if (bytes > largest) return ::operator delete(frame);
    free_frames::size_class& fitting = frames().classes[class_of(bytes)];
    if (fitting.count == kept_max) return ::operator delete(frame);
    ++fitting.count;
    fitting.first = new (frame) free_frames::node{fitting.first};
}

#endif

}  // namespace aperto::detail
