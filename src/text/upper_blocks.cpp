// SPDX-License-Identifier: MIT
#include "text/upper_blocks.hpp"

#include "text/ascii.hpp"

#include <array>
#include <atomic>
#include <cstring>

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
    std::size_t done = 0;
    std::array<std::uint64_t, 4> words{};
    for (; size - done >= sizeof words; done += sizeof words) {
        std::memcpy(words.data(), source + done, sizeof words);
        if (((words[0] | words[1] | words[2] | words[3]) & high_bits) != 0) break;
        for (std::uint64_t& word : words)
            word = ascii_upper_word(word);
        std::memcpy(target + done, words.data(), sizeof words);
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
