// SPDX-License-Identifier: MIT
#include "text/upper_blocks.hpp"

#include "text/ascii.hpp"

#include <algorithm>
#include <array>
#include <atomic>

namespace aperto::text {
namespace {

struct choice {
    block_kernel kernel;
    const char* name;
};

choice choose() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) return {upper_blocks_avx2, "avx2"};
    return {upper_blocks_sse2, "sse2"};
#else
    return {upper_blocks_portable, "portable"};
#endif
}

std::size_t choose_and_run(const char* source, std::size_t size, char* target);

// Starts as the function that replaces it, so that a call costs no test of "chosen yet?" and static
// initialisers of other files may convert text too.
constinit std::atomic<block_kernel> chosen{choose_and_run};

std::size_t choose_and_run(const char* source, std::size_t size, char* target) {
    const block_kernel best = choose().kernel;
    chosen.store(best, std::memory_order_relaxed);
    return best(source, size, target);
}

}  // namespace

std::size_t upper_blocks_portable(const char* source, std::size_t size, char* target) {
    constexpr std::size_t width = 32;  // fixed, so that compilers turn both loops into vector instructions
    std::size_t done = 0;
    while (size - done >= width) {
        unsigned char high = 0;
        for (std::size_t i = 0; i < width; ++i)
            high |= static_cast<unsigned char>(source[done + i]);
        if (high >= 0x80) break;
        for (std::size_t i = 0; i < width; ++i)
            target[done + i] = ascii_upper(source[done + i]);
        done += width;
    }
    while (done < size && static_cast<unsigned char>(source[done]) < 0x80) {
        target[done] = ascii_upper(source[done]);
        ++done;
    }
    return done;
}

std::size_t upper_blocks(const char* source, std::size_t size, char* target) {
    return chosen.load(std::memory_order_relaxed)(source, size, target);
}

const char* upper_blocks_name() { return choose().name; }

}  // namespace aperto::text
